rule train:
    output:
        f"{RESULTS}/packs/{{job}}.json",
    log:
        f"{RESULTS}/logs/{{job}}.log",
    params:
        experiment=EXPERIMENT_FILE,
        fingerprint=fingerprint_of,
    threads: threads_of
    conda:
        "../../environment.yml"
    shell:
        "python -m pgf train {params.experiment:q} --job {wildcards.job:q}"
        " --manifest {output:q} --log {log:q}"
