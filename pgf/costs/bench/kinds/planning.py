"""The start before anything trains: imports, and the plan of ten thousand runs."""

import tempfile
from pathlib import Path
from statistics import median

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.processes import PYTHON, ROOT, ProcessUse, run

RUNS = 10_000
RECIPES = ("ste", "sr_ste", "mdgf_linear", "mdgf_exponential", "sdgf_stepwise")
TARGETS = ("1:2(FF)", "1:4(FF)", "1:8(FF)", "1:16(FF)", "1:32(FF)")
SEEDS = 40
TIMES = 3
ALLOWED_SECONDS = 1.0
LONGER = 1.5
EXPERIMENT = """
name: planned
tasks: {{{tasks}}}
training: {{steps: 10, batch_size: 32, learning_rate: 0.002, evaluations: 1}}
targets: [{targets}]
recipes: {{{recipes}}}
seeds: [{seeds}]
runs_per_job: 1
"""
TOY = """
rule all:
    input: expand("{{i}}.txt", i=range({runs}))
rule one:
    output: "{{i}}.txt"
    shell: "touch {{output}}"
"""
STARTS = {
    "what `pgf tables` imports": (
        ("-c", "import pgf.analysis.results, pgf.analysis.tables.write as w; dict(w.TABLES)"),
        1.0,
    ),
    "what a training job imports": (("-c", "import pgf.jobs.job"), None),
    "torch alone": (("-c", "import torch"), None),
}


@PARTS.register("planning")
def planning(progress: Progress) -> Part:
    """Seconds of the processor to start, and to plan a dry run, a job for every run."""
    lines = []
    for what, (arguments, target) in STARTS.items():
        progress(f"planning: {what}")
        times = [run([PYTHON, *arguments], cwd=ROOT).cpu_seconds for _ in range(TIMES)]
        seconds = median(times)
        lines.append(
            Measurement(
                what=f"{what}: CPU time",
                unit="s",
                floor=ALLOWED_SECONDS if target else None,
                ours=seconds,
                ratio=seconds / ALLOWED_SECONDS if target else None,
                target=target,
            )
        )
    progress(f"planning: a dry run of {RUNS} runs, and of a toy of as many jobs")
    toy, ours = _dry_runs()
    lines += [
        _measure("CPU time", "s", ours.cpu_seconds, toy.cpu_seconds),
        _measure("memory", "MiB", ours.mebibytes, toy.mebibytes),
    ]
    return Part(
        title="Before anything trains",
        ratio_of="ours / floor",
        lines=tuple(lines),
        notes=(
            f"Floor of the dry run: Snakemake on a bare rule with {RUNS} outputs. Of what "
            f"`pgf tables` imports: the second that is allowed.",
        ),
    )


def _measure(what: str, unit: str, ours: float, floor: float) -> Measurement:
    return Measurement(
        what=f"dry run of {RUNS} runs: {what}",
        unit=unit,
        floor=floor,
        ours=ours,
        ratio=ours / floor,
        target=LONGER,
    )


def _dry_runs() -> tuple[ProcessUse, ProcessUse]:
    snakemake = [PYTHON, "-m", "snakemake", "--dry-run", "--quiet", "all", "--cores", "1"]
    greedy = ["--scheduler", "greedy"]
    with tempfile.TemporaryDirectory() as folder:
        toy = Path(folder) / "Snakefile"
        toy.write_text(TOY.format(runs=RUNS), encoding="utf-8")
        tasks = range(RUNS // (len(RECIPES) * len(TARGETS) * SEEDS))
        planned = Path(folder) / "planned.yaml"
        planned.write_text(
            EXPERIMENT.format(
                tasks=", ".join(f"digits{i}: {{task: digits_vit}}" for i in tasks),
                targets=", ".join(f'"{target}"' for target in TARGETS),
                recipes=", ".join(f"{name}: {{}}" for name in RECIPES),
                seeds=", ".join(map(str, range(SEEDS))),
            ),
            encoding="utf-8",
        )
        bare = run([*snakemake, *greedy, "--snakefile", str(toy)], cwd=Path(folder))
        profile = ["--workflow-profile", "workflow/profiles/default", "--nolock"]
        ours = run([*snakemake, *profile, "--config", f"experiment={planned}"], cwd=ROOT)
    return bare, ours
