# One experiment: configs/<name>.yaml -> results/<name>/. See README.md.
#
#   snakemake --workflow-profile workflow/profiles/default --config experiment=laptop -c2
#
# No rule trains by itself: the expensive one calls `python -m pgf train`, whose finished runs
# outlive a killed Snakemake because their records are no declared outputs.
from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/compute.smk"


rule all:
    default_target: True
    input:
        # Also asked for by name: in a fresh clone the committed tables stand there without them.
        runs=manifests(),
        tables=table_paths(),
        figures=figure_paths(),
        compute=compute_paths(),
    localrule: True


# While jobs that an earlier workflow left in SLURM's queue go on: all but theirs.
rule unadopted:
    input:
        unadopted_manifests(),
    localrule: True
