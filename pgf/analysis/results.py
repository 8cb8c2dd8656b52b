"""The context of an experiment's tables and figures, read from its folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from pgf.analysis.staleness import check_settings
from pgf.analysis.tables.context import Context, make_context
from pgf.analysis.tables.paper_claims import load_claims
from pgf.analysis.tables.published import load_curves, load_published, select_published
from pgf.experiments import Experiment
from pgf.records import Collected, read_collected

PAPER = Path("configs/paper")


def context_of(experiment: Experiment, results: Path) -> Context:
    """Return runs, curves and published numbers of a collected experiment.

    Raises:
        UserError: it is not collected yet, or its runs are of other settings.
    """
    folder = results / experiment.name
    collected = read_collected(folder)
    check_settings(experiment, collected.runs, where=f"{folder}/runs.csv")
    return context_from(experiment, collected)


def context_from(
    experiment: Experiment, collected: Collected, *, further: Sequence[Experiment] = ()
) -> Context:
    """Return the context of runs that are known to be an experiment's.

    Args:
        experiment: the config.
        collected: its runs.
        further: configs of submissions, whose columns stand behind the experiment's.
    """
    configs = [experiment, *further]
    return make_context(
        collected.runs,
        collected.curves,
        experiment.analysis,
        published=load_published(PAPER / "tables.csv"),
        claims=load_claims(PAPER / "claims.yaml"),
        recipes=[column for config in configs for column in config.columns()],
        targets=experiment.rows(),
        remarks=load_remarks(),
        roles=experiment.roles(),
        published_curves=load_curves(PAPER / "fig3.csv"),
        layers=collected.layers,
        families=experiment.families(),
        trials={
            cell: count
            for config in configs
            if config.selection
            for cell, count in config.selection.trials().items()
        },
        planned={
            task: [
                (run.recipe.name, run.target, run.seed)
                for run in experiment.runs()
                if run.task.name == task
            ]
            for task in experiment.tasks
        },
    )


def context_apart(experiment: Experiment, collected: Collected) -> Context:
    """Return the context of runs of other settings: columns, targets and tasks are what they have.

    They are judged by the experiment's rule, without its baselines and without the paper's numbers.
    """
    own = experiment.analysis
    # By the paper's metric where ours are judged by it, without its numbers beside them.
    papers = {task for task, entries in own.published.items() if any(e.same_setup for e in entries)}
    same = tuple(sorted({*own.same_setup, *papers}))
    rule = replace(own, baselines=(), published={}, same_setup=same)
    there = set(collected.runs["recipe"])
    return make_context(
        collected.runs,
        collected.curves,
        rule,
        roles={role: column for role, column in experiment.roles().items() if column in there},
        families=experiment.families(),
    )


def load_remarks() -> dict[str, list[str]]:
    """Return remarks on the paper's tables and figures, by the number or name of each."""
    remarks: dict[str, list[str]] = yaml.safe_load(
        (PAPER / "remarks.yaml").read_text(encoding="utf-8")
    )
    return remarks


def check_published(experiment: Experiment) -> None:
    """Check that the paper's numbers hold what the experiment wants beside its own.

    Raises:
        UserError: they do not.
    """
    if not experiment.analysis.published:
        return  # a config of one's own may lie where the paper's numbers do not
    published = load_published(PAPER / "tables.csv")
    for task, entries in experiment.analysis.published.items():
        for settings in entries:
            select_published(published, settings, task=task)
