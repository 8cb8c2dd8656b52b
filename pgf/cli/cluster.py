"""The commands `doctor` and `probe`: the readiness of a cluster, before anything is queued."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.cli.registry import RESULTS, Group, Options, command
from pgf.errors import UserError

if TYPE_CHECKING:
    from pgf.experiments import RunSpec
    from pgf.jobs import Finding, TaskCost


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "experiment", nargs="?", metavar="EXPERIMENT", help="check its data and models as well"
    )
    parser.add_argument(
        "--profile",
        default="slurm",
        metavar="NAME",
        help="a folder in workflow/profiles (%(default)s)",
    )


@command(group=Group.COSTS, arguments=_add_doctor, experiment=False)
def doctor(options: Options) -> int:
    """Examine a SLURM cluster before anything is queued; say how to mend what is not ready."""
    from pgf.jobs import PROFILES, doctor_summary, examine_cluster, is_healthy, load_site, site_path

    path = site_path(options.profile)
    if path is None:
        known = ", ".join(sorted(p.parent.name for p in PROFILES.glob("*/site.yaml")))
        raise UserError(f"profile '{options.profile}' has no site.yaml; those that have: {known}")
    site, found = load_site(path), []
    specs: list[RunSpec] = []
    costs: dict[str, TaskCost] = {}
    print(f"{path}:")
    if options.experiment:
        own, specs, costs = _look_at_experiment(options.experiment)
        print(own, flush=True)
        found.append(own)
    profile = PROFILES / options.profile / "profile.yaml"
    for finding in examine_cluster(site, profile, RESULTS, specs=specs, costs=costs):
        print(finding, flush=True)
        found.append(finding)
    print(doctor_summary(found))
    return 0 if is_healthy(found) else 2


def _look_at_experiment(name: str) -> "tuple[Finding, list[RunSpec], dict[str, TaskCost]]":
    """Return whether an experiment can start, its runs, and what they cost."""
    from pgf.experiments import load_experiment
    from pgf.jobs import Finding, check_trainings, estimate_costs
    from pgf.training import check_runs

    specs: list[RunSpec] = []
    try:
        specs = load_experiment(name).runs()
        check_trainings(specs)
        check_runs(specs, train_here=False)
        return Finding(name, True, "config, models and data"), specs, estimate_costs(specs)
    except UserError as error:
        return Finding(name, False, str(error)), specs, {}


def _add_probe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a file that this machine should see")


@command(group=Group.SELDOM, arguments=_add_probe, experiment=False)
def probe(options: Options) -> None:
    """Print what this machine sees, as JSON; the doctor runs it on a compute node."""
    import torch

    data = os.environ.get("PGF_DATA")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    seen = {
        "host": platform.node(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "gpus": gpus,
        "file": options.file.exists(),
        "data": Path(data).is_dir() if data else None,
    }
    print(json.dumps(seen))
