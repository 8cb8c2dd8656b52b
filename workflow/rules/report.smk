rule collect:
    input:
        manifests(),
    output:
        runs=f"{RESULTS}/runs.csv",
        curves=f"{RESULTS}/curves.parquet",
    log:
        f"{RESULTS}/logs/collect.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        experiment=EXPERIMENT_FILE,
        analysis=f"analysis={EXPERIMENT.analysis_fingerprint()}",
    shell:
        "python -m pgf collect {params.experiment:q} 2>&1 | tee {log:q} >&2"


rule tables:
    input:
        runs=rules.collect.output.runs,
        curves=rules.collect.output.curves,
        paper=PAPER,
    output:
        [
            (
                report(path, category="Tables", labels={"table": Path(path).stem})
                if path.endswith(".html")
                else path
            )
            for path in table_paths()
        ],
    log:
        f"{RESULTS}/logs/tables.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        experiment=EXPERIMENT_FILE,
        analysis=f"analysis={EXPERIMENT.analysis_fingerprint()}",
    shell:
        "python -m pgf tables {params.experiment:q} 2>&1 | tee {log:q} >&2"


rule figures:
    input:
        runs=rules.collect.output.runs,
        curves=rules.collect.output.curves,
        paper=["configs/paper/fig3.csv", "configs/paper/remarks.yaml"],
    output:
        [
            (
                report(path, category="Figures", labels={"figure": Path(path).stem})
                if path.endswith((".png", ".html"))
                else path
            )
            for path in figure_paths()
        ],
    log:
        f"{RESULTS}/logs/figures.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        experiment=EXPERIMENT_FILE,
        analysis=f"analysis={EXPERIMENT.analysis_fingerprint()}",
    shell:
        "python -m pgf figures {params.experiment:q} 2>&1 | tee {log:q} >&2"
