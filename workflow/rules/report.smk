rule collect:
    input:
        STUDY.manifests(),
    output:
        runs=f"{RESULTS}/runs.csv",
        curves=f"{RESULTS}/curves.parquet",
        checksums=f"{RESULTS}/checksums.json",
    log:
        f"{RESULTS}/logs/collect.log",
    localrule: True
    conda:
        "../envs/tables.yaml"
    params:
        experiment=STUDY.config,
        analysis=ANALYSIS,
    shell:
        "python -m pgf collect {params.experiment:q} 2>&1 | tee {log:q} >&2"


rule tables:
    input:
        runs=rules.collect.output.runs,
        curves=rules.collect.output.curves,
        checksums=rules.collect.output.checksums,
        paper=PAPER,
    output:
        [
            (
                report(path, category="Tables", labels={"table": Path(path).stem})
                if path.endswith(".html")
                else path
            )
            for path in STUDY.tables()
        ],
    log:
        f"{RESULTS}/logs/tables.log",
    localrule: True
    conda:
        "../envs/tables.yaml"
    params:
        experiment=STUDY.config,
        analysis=ANALYSIS,
    shell:
        "python -m pgf tables {params.experiment:q} 2>&1 | tee {log:q} >&2"


rule figures:
    input:
        runs=rules.collect.output.runs,
        curves=rules.collect.output.curves,
        checksums=rules.collect.output.checksums,
        paper=["configs/paper/fig3.csv", "configs/paper/remarks.yaml"],
    output:
        [
            (
                report(path, category="Figures", labels={"figure": Path(path).stem})
                if path.endswith((".png", ".html"))
                else path
            )
            for path in STUDY.figures()
        ],
    log:
        f"{RESULTS}/logs/figures.log",
    localrule: True
    conda:
        "../envs/tables.yaml"
    params:
        experiment=STUDY.config,
        analysis=ANALYSIS,
    shell:
        "python -m pgf figures {params.experiment:q} 2>&1 | tee {log:q} >&2"


# The report comes last, and the dashboard links to it.
rule dashboard:
    input:
        runs=rules.collect.output.runs,
        curves=rules.collect.output.curves,
        checksums=rules.collect.output.checksums,
        paper=[*PAPER, "configs/paper/fig3.csv"],
    output:
        STUDY.dashboard(),
    log:
        f"{RESULTS}/logs/dashboard.log",
    localrule: True
    conda:
        "../envs/tables.yaml"
    params:
        experiment=STUDY.config,
        analysis=ANALYSIS,
    shell:
        "python -m pgf dashboard {params.experiment:q} --report report.html 2>&1 | tee {log:q} >&2"
