rule train:
    output:
        f"{RESULTS}/packs/{{job}}.json",
    log:
        f"{RESULTS}/logs/{{job}}.log",
    priority: 1  # `compute` waits: the longest jobs first
    conda:
        "../envs/train.yaml"
    threads: by_job(STUDY.cores)
    resources:
        **STUDY.queue_options(),
        nodes=1,  # torchrun starts the processes of a run on one machine
        gpu=by_job(STUDY.gpus),
        slurm_extra=by_job(STUDY.extra_options),
        mem_mb=memory_of,
        runtime=minutes_of,
        hang_minutes=str(STUDY.site.hang_minutes),  # no param: a change of it trains nothing again
    params:
        experiment=STUDY.config,
        fingerprint=fingerprint_of,
    shell:
        # exec: a signal must reach the training, not a shell that dies of it.
        "exec python -m pgf train {params.experiment:q} --job {wildcards.job:q}"
        " --manifest {output:q} --log {log:q} --hang-minutes {resources.hang_minutes}"
