"""GPU hours of whole experiments, from counted FLOPs and an assumed speed of the GPU."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pgf.analysis import PAPER, Block, Section, Table, row, to_markdown
from pgf.experiments import Experiment, RunSpec, read_yaml
from pgf.jobs import Site, estimate_costs, run_flops
from pgf.records import write_atomically
from pgf.tasks import find_task

HOURS_FOLDER = "gpu_hours"
TITLE = "GPU hours of the experiments"
HEADER = (
    *("experiment", "paper's tables", "runs a seed", "seeds"),
    *("EFLOP a run", "GPU hours a run", "GPU hours in all", "the paper's device hours a run"),
)
OF_THE_SAME_RUNS = {"2": ("13",), "3": ("14",), "5": ("16",), "12": ("4", "15")}
"""The paper's table of a grid's numbers -> other tables of the same runs: means, and settings."""
FORMATS = ("{}", "{}", "{}", "{}", "{:.3g}", "{:,.1f}", "{:,.0f}", "{}")


def hours_table(experiments: Sequence[Experiment], site: Site) -> Table:
    """Return a row for every experiment."""
    data = pd.DataFrame([_row(experiment, site) for experiment in experiments], columns=HEADER)
    rows = tuple(
        row(*(form.format(value) for form, value in zip(FORMATS, values, strict=True)))
        for values in data.itertuples(index=False)
    )
    section = Section(
        heading=f"At {site.tflops:g} TFLOP/s",
        blocks=(Block(HEADER, rows, text_columns=(0, 1)),),
        caption=(
            f"GPU hours = operations / {site.tflops:g} TFLOP/s, what training gets out of one GPU: "
            "its peak in the precision used times its utilisation. Operations are those of dense "
            "training, forward and backward, 2 per multiply-accumulate."
        ),
        notes=(
            "Evaluations, statistics and the start of jobs are not in it; texts are counted at the "
            "length that the task calls typical.",
            "A run's mean, where tasks differ; the paper trains one seed, and no control without "
            "the layers or with a random mask.",
            "Table 4 is Table 12's means; Tables 13 to 16 are settings; Tables 1, 8 and 17 to 19 "
            "need no training.",
        ),
    )
    return Table(name=HOURS_FOLDER, title=TITLE, data=data, sections=(section,))


def _row(experiment: Experiment, site: Site) -> dict[str, object]:
    specs = [_without_checkpoint(spec) for spec in experiment.runs()]
    costs = estimate_costs(specs)
    flops = sum(run_flops(spec, costs[spec.task.name]) for spec in specs)
    rate = site.tflops * 1e12 * 3600
    return {
        "experiment": experiment.name,
        "paper's tables": ", ".join(_tables(experiment)) or "-",
        "runs a seed": len({(spec.task.name, spec.recipe.name, spec.target) for spec in specs}),
        "seeds": max(len(experiment.grid(task).seeds) for task in experiment.tasks),
        "EFLOP a run": flops / len(specs) / 1e18,
        "GPU hours a run": flops / len(specs) / rate,
        "GPU hours in all": flops / rate,
        "the paper's device hours a run": _papers_hours(experiment),
    }


def _papers_hours(experiment: Experiment) -> str:
    """Return the device hours of a run as the paper gives them: `704 A100 (44 on 16)`."""
    path = PAPER / "hours.yaml"  # not there where a config of one's own may lie
    given = read_yaml(path) if path.exists() else {}
    kinds = sorted({entry.task or name for name, entry in experiment.tasks.items()})
    times = [given[kind] for kind in kinds if kind in given]
    return (
        ", ".join(
            f"{t['hours'] * t['devices']} {t['device']} ({t['hours']} on {t['devices']})"
            for t in times
        )
        or "-"
    )


def _tables(experiment: Experiment) -> list[str]:
    """Return the paper's tables that an experiment trains for, by number."""
    published = {entry.table for own in experiment.analysis.published.values() for entry in own}
    same = {table for one in published for table in OF_THE_SAME_RUNS.get(one, ())}
    return sorted(published | same, key=lambda table: (len(table), table))


def _without_checkpoint(spec: RunSpec) -> RunSpec:
    """Return a run from scratch: it costs the same, and needs no checkpoint to be there."""
    if "checkpoint" not in find_task(spec.task.kind).__dataclass_fields__:
        return spec
    options = {**spec.task.options, "checkpoint": None}
    return replace(spec, task=replace(spec.task, options=options))


def write_hours(table: Table, folder: Path) -> None:
    """Write the table as CSV, in raw numbers, and as Markdown."""
    text = table.data.to_csv(index=False, lineterminator="\n")
    write_atomically(folder / f"{HOURS_FOLDER}.csv", text)
    write_atomically(folder / f"{HOURS_FOLDER}.md", to_markdown(table))
