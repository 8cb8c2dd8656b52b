# What the rules share. Parsed anew in every job: nothing here imports torch or scans the disk.
from pathlib import Path

from pgf.costs.compute import compute_files
from pgf.experiments.config import experiment_path, load_experiment
from pgf.errors import UserError
from pgf.analysis.figures import figure_files
from pgf.experiments.run_spec import job_fingerprint
from pgf.jobs.slurm.sites import (
    Site,
    cores,
    extra_options,
    gpus,
    load_site,
    memory,
    minutes,
    queue_options,
    read_estimate,
)
from pgf.analysis.tables import table_files

try:
    EXPERIMENT_FILE = experiment_path(config.get("experiment", "laptop"))
    EXPERIMENT = load_experiment(str(EXPERIMENT_FILE))
    # Without a site, GPUs are those of this machine: `--config gpus=0,1 --resources gpu=2`.
    SITE = (
        load_site(Path(config["site"]))
        if "site" in config
        else Site(gpus="gpus" in config, cpus=1)
    )
except UserError as error:
    raise WorkflowError(str(error))

RESULTS = f"results/{EXPERIMENT.name}"
JOBS = EXPERIMENT.jobs()
COSTS = read_estimate(Path(RESULTS))
PAPER = [
    f"configs/paper/{name}" for name in ("tables.csv", "claims.yaml", "remarks.yaml")
]


wildcard_constraints:
    job=r"[A-Za-z0-9_.-]+",


def unadopted_manifests():
    adopted = str(config.get("adopted", "")).split()
    return [path for path in manifests() if Path(path).stem not in adopted]


def manifests():
    return expand(f"{RESULTS}/packs/{{job}}.json", job=JOBS)


def table_paths():
    return [f"{RESULTS}/tables/{name}" for name in table_files()]


def figure_paths():
    return [f"{RESULTS}/figures/{name}" for name in figure_files()]


def compute_paths():
    return [f"{RESULTS}/compute/{name}" for name in compute_files()]


def fingerprint_of(wildcards):
    # Settings and code that change numbers: Snakemake does not see what pgf imports.
    return f"fingerprint={job_fingerprint(JOBS[wildcards.job])}"


def by_job(find):
    # One value for all jobs where they agree: Snakemake takes long to ask a function for each.
    values = {find(specs, SITE) for specs in JOBS.values()}
    if len(values) == 1:
        return values.pop()
    return lambda wildcards: find(JOBS[wildcards.job], SITE)


def minutes_of(wildcards, attempt):
    return minutes(JOBS[wildcards.job], COSTS, SITE, attempt=attempt)


def memory_of(wildcards, attempt):
    return memory(JOBS[wildcards.job], COSTS, SITE, attempt=attempt)
