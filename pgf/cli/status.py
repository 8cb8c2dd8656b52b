"""The command `status`: what the runs of an experiment have come to."""

from typing import TYPE_CHECKING

from pgf.cli.plan import as_it_stands
from pgf.cli.registry import RESULTS, Group, Options, command

if TYPE_CHECKING:
    from pgf.experiments import Experiment


@command(group=Group.RUN)
def status(options: Options) -> None:
    """Show which runs of an experiment are done, running, failed or waiting, and the time left.

    It reads the runs' folders alone: from another terminal, another machine of the disk, or SLURM.
    """
    from pgf.jobs import status_text

    found = _tuning_stages(options.experiment)
    experiment, tuning = as_it_stands(options.experiment)
    if not tuning:
        found.append(experiment)
    for one in found:
        print(status_text(one.name, one.jobs(), RESULTS))
    if tuning:
        print(f"{experiment.name}: {tuning.partition('. ')[0]}")


def _tuning_stages(name: str) -> "list[Experiment]":
    """Return the stages of an experiment's tuning that have begun here."""
    from pgf.experiments import FIRST, SECOND, load_experiment

    names = [f"{load_experiment(name, tuned=False).name}_{stage}" for stage in (FIRST, SECOND)]
    paths = [RESULTS / own / f"{own}.yaml" for own in names]
    return [load_experiment(str(path)) for path in paths if path.exists()]
