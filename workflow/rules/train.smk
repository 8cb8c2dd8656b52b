rule train:
    output:
        f"{RESULTS}/packs/{{job}}.json",
    log:
        f"{RESULTS}/logs/{{job}}.log",
    conda:
        "../../environment.yml"
    threads: threads_of
    params:
        experiment=EXPERIMENT_FILE,
        fingerprint=fingerprint_of,
    shell:
        "python -m pgf train {params.experiment:q} --job {wildcards.job:q}"
        " --manifest {output:q} --log {log:q}"
