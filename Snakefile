# One experiment: configs/<name>.yaml -> results/<name>/. See workflow/README.md.
#
#   snakemake --workflow-profile workflow/profiles/default --config experiment=laptop -c2
#
# No rule trains by itself: the expensive one calls `python -m pgf train`, whose finished runs
# outlive a killed Snakemake because their records are no declared outputs.
from snakemake.utils import min_version

min_version("9.20")


configfile: "workflow/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/compute.smk"


rule all:
    default_target: True
    input:
        # Also asked for by name: tables may stand there though somebody deleted the runs.
        runs=STUDY.manifests(),
        tables=STUDY.tables(),
        figures=STUDY.figures(),
        compute=STUDY.compute(),
        dashboard=STUDY.dashboard(),
    localrule: True


# All runs, without tables, but those of the `adopted` jobs, which an earlier workflow has left in SLURM's
# queue.
rule runs:
    input:
        STUDY.manifests(adopted=False),
    localrule: True
