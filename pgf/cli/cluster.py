"""Whether a cluster is ready, asked before anything is queued."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.cli.registry import RESULTS, Options, command
from pgf.errors import UserError

if TYPE_CHECKING:
    from pgf.experiments.run_spec import RunSpec
    from pgf.jobs.slurm.doctor import Finding
    from pgf.jobs.slurm.sites import Cost


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", nargs="?", help="check its data and models as well")
    parser.add_argument("--profile", default="slurm", metavar="NAME")


@command(arguments=_add_doctor, experiment=False)
def doctor(options: Options) -> int:
    """Say what stands between a SLURM profile and a running grid, each with its remedy."""
    from pgf.jobs.slurm.doctor import examine, is_healthy, verdict
    from pgf.jobs.slurm.sites import PROFILES, load_site, site_path

    path = site_path(options.profile)
    if path is None:
        known = ", ".join(sorted(p.parent.name for p in PROFILES.glob("*/site.yaml")))
        raise UserError(f"profile '{options.profile}' has no site.yaml; those that have: {known}")
    site, found = load_site(path), []
    specs: list[RunSpec] = []
    costs: dict[str, Cost] = {}
    print(f"{path}:")
    if options.experiment:
        own, specs, costs = _look_at_experiment(options.experiment)
        print(own, flush=True)
        found.append(own)
    profile = PROFILES / options.profile / "profile.yaml"
    for finding in examine(site, profile, RESULTS, specs=specs, costs=costs):
        print(finding, flush=True)
        found.append(finding)
    print(verdict(found))
    return 0 if is_healthy(found) else 2


def _look_at_experiment(name: str) -> "tuple[Finding, list[RunSpec], dict[str, Cost]]":
    """Return whether an experiment can start, its runs, and what they cost."""
    from pgf.experiments.config import load_experiment
    from pgf.jobs.slurm.doctor import Finding
    from pgf.jobs.slurm.estimate import estimate
    from pgf.training.preflight import check_runs

    specs: list[RunSpec] = []
    try:
        specs = load_experiment(name).runs()
        check_runs(specs, train_here=False)
        return Finding(name, True, "config, models and data"), specs, estimate(specs)
    except UserError as error:
        return Finding(name, False, str(error)), specs, {}


def _add_probe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a file that ought to be seen")


@command(arguments=_add_probe, experiment=False)
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
