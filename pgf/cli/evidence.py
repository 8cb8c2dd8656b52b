"""The check of an experiment's promises, which several commands make before training."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgf.experiments import Experiment


def examine(experiment: "Experiment") -> str:
    """Check what an experiment promises before it is trained; return which claims it can settle.

    Raises:
        UserError: the paper has no such numbers as the config names, or the experiment calls itself
            evidence and can settle no claim.
    """
    from pgf.analysis import check_published, evidence_text
    from pgf.tasks import find_task

    check_published(experiment)
    kinds = {name: entry.task or name for name, entry in experiment.tasks.items()}
    return evidence_text(experiment, {name: find_task(kind).metric for name, kind in kinds.items()})
