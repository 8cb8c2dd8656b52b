"""Where a record comes from: commit, versions, machine."""

import platform
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pgf import slurm

PACKAGES = ("torch", "timm", "transformers", "numpy")


def provenance(device: str) -> dict[str, Any]:
    """Return commit, versions and machine as flat values."""
    return {
        **_commit(),
        **_versions(),
        "device": device,
        "machine": platform.machine(),
        "node": platform.node(),
        "slurm_job": slurm.job_id(),
        **(_gpu() if device.startswith("cuda") else {"gpu": None, "gpu_driver": None}),
    }


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
def _commit() -> dict[str, Any]:
    here = Path(__file__).parent
    commit = _git("rev-parse", "HEAD", cwd=here)
    if commit is None:
        return {"commit": "unknown", "dirty": False}
    # Results are written while runs go on; what matters is whether code or configs differ.
    changed = _git("status", "--porcelain", "--", "../pgf", "../configs", cwd=here)
    return {"commit": commit, "dirty": bool(changed)}


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
