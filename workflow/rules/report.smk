rule collect:
    input:
        manifests(),
    output:
        runs=f"{RESULTS}/runs.csv",
        curves=f"{RESULTS}/curves.parquet",
    log:
        f"{RESULTS}/logs/collect.log",
    params:
        experiment=EXPERIMENT_FILE,
    localrule: True
    conda:
        "../../environment.yml"
    shell:
        "python -m pgf collect {params.experiment:q} 2>&1 | tee {log:q} >&2"


rule tables:
    input:
        runs=rules.collect.output.runs,
        curves=rules.collect.output.curves,
        paper=["configs/paper/tables.csv", "configs/paper/claims.yaml"],
    output:
        table_paths(),
    log:
        f"{RESULTS}/logs/tables.log",
    params:
        experiment=EXPERIMENT_FILE,
    localrule: True
    conda:
        "../../environment.yml"
    shell:
        "python -m pgf tables {params.experiment:q} 2>&1 | tee {log:q} >&2"


rule figures:
    input:
        runs=rules.collect.output.runs,
        curves=rules.collect.output.curves,
    output:
        figure_paths(),
    log:
        f"{RESULTS}/logs/figures.log",
    params:
        experiment=EXPERIMENT_FILE,
    localrule: True
    conda:
        "../../environment.yml"
    shell:
        "python -m pgf figures {params.experiment:q} 2>&1 | tee {log:q} >&2"
