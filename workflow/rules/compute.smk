rule compute:
    input:
        PAPER,
    output:
        compute_paths(),
    log:
        f"{RESULTS}/logs/compute.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        experiment=EXPERIMENT_FILE,
        plan=f"plan={EXPERIMENT.plan_fingerprint()}",
    shell:
        "python -m pgf compute {params.experiment:q} 2>&1 | tee {log:q} >&2"
