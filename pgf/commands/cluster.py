"""Whether a cluster is ready, asked before anything is queued."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from pgf.commands.registry import RESULTS, Options, command
from pgf.errors import UserError


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", nargs="?", help="check its data and models as well")
    parser.add_argument("--profile", default="slurm", metavar="NAME")


@command(arguments=_add_doctor, experiment=False)
def doctor(options: Options) -> int:
    """Say what stands between a SLURM profile and a running grid, each with its remedy."""
    from pgf.doctor import examine
    from pgf.sites import PROFILES, load_site, site_path

    path = site_path(options.profile)
    if path is None:
        known = ", ".join(sorted(p.parent.name for p in PROFILES.glob("*/site.yaml")))
        raise UserError(f"profile '{options.profile}' has no site.yaml; those that have: {known}")
    site, healthy = load_site(path), True
    print(f"{path}:")
    for finding in examine(site, PROFILES / options.profile / "profile.yaml", RESULTS):
        print(finding, flush=True)
        healthy &= finding.ok is not False
    if options.experiment:
        healthy &= _experiment_is_ready(options.experiment)
    print("ready" if healthy else "not ready yet")
    return 0 if healthy else 2


def _experiment_is_ready(name: str) -> bool:
    from pgf.config import load_experiment
    from pgf.preflight import check_runs

    try:
        check_runs(load_experiment(name).runs())
    except UserError as error:
        print(f"FAIL {name}: {error}")
        return False
    print(f"ok   {name}: config, models and data")
    return True


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
