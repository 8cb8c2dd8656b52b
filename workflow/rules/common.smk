# Helper functions of the rules. The package's own side of them is pgf/cli/dag.py.
from pgf.cli.dag import Dag, UserError

try:
    # Not DAG: a Snakefile's names are Snakemake's own, and that is one.
    STUDY = Dag.read(config)
except UserError as error:
    raise WorkflowError(str(error))

RESULTS = STUDY.results
PAPER = [
    f"configs/paper/{name}" for name in ("tables.csv", "claims.yaml", "remarks.yaml")
]
ANALYSIS = f"analysis={STUDY.experiment.analysis_fingerprint()}"


wildcard_constraints:
    job=r"[A-Za-z0-9_.-]+",


def fingerprint_of(wildcards):
    # Settings and code that change numbers: Snakemake does not see what pgf imports.
    return f"fingerprint={STUDY.fingerprint(wildcards.job)}"


def by_job(find):
    # One value for all jobs where they agree: Snakemake takes long to ask a function for each.
    agreed = STUDY.agreed(find)
    return (lambda wildcards: find(wildcards.job)) if agreed is None else agreed


def minutes_of(wildcards, attempt):
    return STUDY.minutes(wildcards.job, attempt=attempt)


def memory_of(wildcards, attempt):
    return STUDY.memory(wildcards.job, attempt=attempt)
