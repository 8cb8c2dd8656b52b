"""What the commands say of evidence, before an experiment is trained."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgf.experiments import Experiment


def examine(experiment: "Experiment") -> str:
    """Check that the paper's numbers are there and that evidence can be evidence; say of what.

    Raises:
        UserError: one of the two is not so.
    """
    from pgf.analysis import check_published, evidence_text
    from pgf.tasks import find_task

    check_published(experiment)
    kinds = {name: entry.task or name for name, entry in experiment.tasks.items()}
    return evidence_text(experiment, {name: find_task(kind).metric for name, kind in kinds.items()})
