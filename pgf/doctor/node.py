"""One look at a compute node: the same environment, the same disk, a GPU that torch sees."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pgf import slurm
from pgf.doctor.finding import Finding
from pgf.sites import Site

NODE_SECONDS = 120
"""How long to wait for a compute node."""


def look_at_node(site: Site, results: Path) -> Iterator[Finding]:
    """Run a command on a compute node, and yield what it saw there."""
    token = results / f".doctor.{os.getpid()}"
    token.touch()
    try:
        answer = _ask_node(site, token)
    finally:
        token.unlink()
    if answer is None:
        yield Finding(
            "compute node",
            None,
            f"none was free within {NODE_SECONDS} s, or it refused; nothing known of one",
            "try again later, or look yourself: srun python -m pgf probe README.md",
        )
        return
    seen = json.loads(answer.splitlines()[-1])
    node = f"{seen['host']}: Python {seen['python']}, torch {seen['torch']}"
    yield Finding("compute node", True, node)
    if not seen["file"]:
        yield Finding(
            "shared disk",
            False,
            f"{seen['host']} does not see {token.resolve().parent}",
            "work on a disk that compute nodes share",
        )
    else:
        yield Finding("shared disk", True, str(token.resolve().parent))
    if site.gpus and not seen["gpus"]:
        yield Finding(
            "GPU in torch",
            False,
            f"torch on {seen['host']} sees none",
            "ask the admin for a driver that fits torch's CUDA, or set gpus: false",
        )
    elif site.gpus:
        yield Finding("GPU in torch", True, ", ".join(seen["gpus"]))
    if seen["data"] is False:
        yield Finding(
            "data", False, f"{seen['host']} does not see PGF_DATA", "put it on a shared disk"
        )


def _ask_node(site: Site, token: Path) -> str | None:
    options = {"partition": site.partition, "account": site.account, "qos": site.qos}
    gpu = f"{site.gpu_model}:1" if site.gpu_model else "1"
    return slurm.ask(
        "srun",
        *("--quiet", "--ntasks=1", "--time=5", f"--immediate={NODE_SECONDS}", "--mem=4000"),
        *(f"--{name}={value}" for name, value in options.items() if value),
        *([f"--gpus={gpu}"] if site.gpus else []),
        *site.extra.split(),
        *("python", "-m", "pgf", "probe", str(token)),
        seconds=2 * NODE_SECONDS,
    )
