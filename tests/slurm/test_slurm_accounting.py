"""The same with slurmdbd and MariaDB: what became of a job is asked of `sacct`."""

from collections.abc import Callable

from cluster import Grid, ask
from conftest import SHORT
from test_slurm import slurm_job_of, training

ACCOUNTING = True


def test_a_cancelled_job_is_submitted_again(
    grid: Callable[..., Grid], undisturbed: dict[int, dict[str, bytes]]
) -> None:
    ours = grid(status="sacct")
    workflow = ours.start()
    ask("scancel", slurm_job_of(training(ours, "sr_ste")))
    ours.finish(workflow)
    assert ours.submitted() == 4
    assert ours.tables() == undisturbed[SHORT]
