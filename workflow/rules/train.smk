rule train:
    output:
        f"{RESULTS}/packs/{{job}}.json",
    log:
        f"{RESULTS}/logs/{{job}}.log",
    conda:
        "../../environment.yml"
    threads: by_job(cores)
    resources:
        **queue_options(SITE),
        nodes=1,  # torchrun starts the processes of a run on one machine
        gpu=by_job(gpus),
        slurm_extra=by_job(extra_options),
        mem_mb=memory_of,
        runtime=minutes_of,
        hang_minutes=str(SITE.hang_minutes),  # no param: a change of it trains nothing again
    params:
        experiment=EXPERIMENT_FILE,
        fingerprint=fingerprint_of,
    shell:
        # exec: a signal must reach the training, not a shell that dies of it.
        "exec python -m pgf train {params.experiment:q} --job {wildcards.job:q}"
        " --manifest {output:q} --log {log:q} --hang-minutes {resources.hang_minutes}"
