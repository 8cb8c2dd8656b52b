"""The origin of a record: commit, versions, and the machines that its run trained on."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgf.errors import UserError

if TYPE_CHECKING:
    import torch

UNKNOWN = "unknown"
PACKAGES = ("torch", "timm", "transformers", "numpy")
ROOT = Path(__file__).parents[2]
FIXED = ("precision", "data")
"""Entries that must stay the same when a run moves to another machine."""
LISTED = ("node", "gpu", "torch")
"""Entries that a record lists of every machine that its run trained on."""


def provenance(device: str) -> dict[str, Any]:
    """Return commit, versions and this machine as flat values."""
    return {
        **commit(ROOT),
        **_versions(),
        "device": device,
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "node": platform.node(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        **(_gpu() if device.startswith("cuda") else {"gpu": None, "gpu_driver": None}),
    }


@cache
def cpu_name() -> str:
    """Return the name of the processor, as Linux gives it."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return found.group(1).strip() if found else platform.processor() or UNKNOWN


def _gpu() -> dict[str, Any]:
    import torch

    driver = Path("/proc/driver/nvidia/version")
    found = re.search(r"\b\d+\.\d+(\.\d+)?\b", driver.read_text()) if driver.exists() else None
    return {
        "gpu": torch.cuda.get_device_name(),
        "gpu_driver": found.group() if found else None,
        "cuda": torch.version.cuda,
    }


@cache
def commit(root: Path) -> dict[str, Any]:
    """Return the commit of a checkout of this project, and whether code or configs differ from it.

    "unknown" outside of one: an installed package may lie in a checkout of something else.
    """
    if _git("ls-files", "--error-unmatch", "pgf/errors.py", cwd=root) is None:
        return {"commit": UNKNOWN, "dirty": False}
    # Results are written while runs go on, and do not count as changes.
    changed = _git("status", "--porcelain", "--", "pgf", "configs", cwd=root)
    return {"commit": _git("rev-parse", "HEAD", cwd=root), "dirty": bool(changed)}


def _git(*arguments: str, cwd: Path) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def this_machine(device: "torch.device", precision: "torch.dtype", data: str) -> dict[str, Any]:
    """Return this machine and what a run's numbers depend on beside its settings."""
    import torch

    return {
        "node": platform.node(),
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "torch": str(torch.__version__).partition("+")[0],
        "precision": str(precision).removeprefix("torch."),
        "data": data,
    }


def add_machine(
    machines: Sequence[Mapping[str, Any]], now: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the machines of a run so far and the one it resumes on.

    Raises:
        UserError: precision or data differ there, so that the run cannot go on as it began.
    """
    if machines:
        began = machines[0]
        for name in FIXED:
            if began[name] != now[name]:
                raise UserError(
                    f"the run began with {name} {began[name]} on {_title(began)}, and here, on "
                    f"{_title(now)}, it is {now[name]}: go on where it is the same (gpu_model "
                    f"in site.yaml, training.precision), or delete its checkpoint"
                )
    return [dict(machine) for machine in machines] + ([dict(now)] if now not in machines else [])


def _title(machine: Mapping[str, Any]) -> str:
    return f"{machine['node']} ({machine['gpu'] or 'CPU'})"


def machine_entries(machines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a record's entries on its machines; where these differ, all values in their order."""
    entries: dict[str, Any] = {}
    for name in LISTED:
        values = list(dict.fromkeys(machine[name] for machine in machines))
        several = " + ".join(str(value) for value in values)
        entries[name] = values[0] if len(values) == 1 else several
    return entries
