"""The same with slurmdbd and MariaDB: what became of a job is asked of `sacct`.

A job that `scancel` ended is "CANCELLED by <user>" there, which release 2.8.0 of the executor does
not know: it waits for ever. So the doctor advises `squeue` wherever that will do.
"""

import os
import signal
from collections.abc import Callable

from cluster import Grid
from conftest import SHORT
from test_slurm import training

ACCOUNTING = True


def test_a_killed_training_is_submitted_again(
    grid: Callable[..., Grid], undisturbed: dict[int, dict[str, bytes]]
) -> None:
    ours = grid(status="sacct")
    workflow = ours.start()
    os.kill(training(ours, "sr_ste"), signal.SIGKILL)
    ours.finish(workflow)
    assert ours.submitted() == 4
    assert ours.tables() == undisturbed[SHORT]
