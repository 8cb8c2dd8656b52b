# No local rule: it builds every model with torch, which is no work for a login node.
rule compute:
    input:
        PAPER,
    output:
        STUDY.compute(),
    log:
        f"{RESULTS}/logs/compute.log",
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        **STUDY.small_job(),
    params:
        experiment=STUDY.config,
        plan=f"plan={STUDY.experiment.plan_fingerprint()}",
    shell:
        "python -m pgf compute {params.experiment:q} 2>&1 | tee {log:q} >&2"
