"""One look at a compute node: the same environment, the same disk, a GPU that torch sees."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pgf.jobs.slurm import queue as slurm
from pgf.jobs.slurm.doctor.finding import Finding
from pgf.jobs.slurm.sites import Site

NODE_SECONDS = 120
"""Seconds to wait for a compute node."""
BUSY = re.compile(r"nodes are busy|Immediate execution impossible|can not start immediately")
"""Words of `srun --immediate` when the time is over; they differ between releases."""
AFTERWARDS = re.compile(r"tasks? \S+: |Terminating job step|Job step aborted")
"""SLURM's last line about a failed step; the reason stands before it."""
PROBED = {"host", "python", "torch", "gpus", "file", "data"}


def look_at_node(site: Site, results: Path) -> Iterator[Finding]:
    """Run a command on a compute node, and yield what it saw there."""
    token = results / f".doctor.{os.getpid()}"
    token.touch()
    command = _command(site, token)
    try:
        answer = slurm.run(*command, seconds=2 * NODE_SECONDS)
    finally:
        token.unlink()
    seen = _seen(answer.output)
    if answer.code == 0 and seen is not None:
        yield from _judge(seen, site, token)
    else:
        yield _nothing_seen(answer, _command(site, Path("README.md")))


def _command(site: Site, file: Path) -> list[str]:
    options = {
        "partition": site.partition,
        "account": site.account,
        "qos": site.qos,
        "constraint": site.constraint,
    }
    gpu = f"{site.gpu_model}:1" if site.gpu_model else "1"
    return [
        "srun",
        *("--quiet", "--ntasks=1", "--time=5", f"--immediate={NODE_SECONDS}", "--mem=4000"),
        *(f"--{name}={value}" for name, value in options.items() if value),
        *([f"--gpus={gpu}"] if site.gpus else []),
        *shlex.split(site.extra),
        *("python", "-m", "pgf", "probe", str(file)),
    ]


def _seen(output: str) -> dict[str, Any] | None:
    """Return what the probe printed; prologs and epilogs print before and after it."""
    for line in reversed(output.splitlines()):
        try:
            seen = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(seen, dict) and seen.keys() >= PROBED:
            return seen
    return None


def _nothing_seen(answer: slurm.Answer, command: list[str]) -> Finding:
    yourself = f"look yourself: {shlex.join(command)}"
    if answer.code is None or (answer.code and BUSY.search(answer.errors)):
        return Finding(
            "compute node",
            None,
            f"none was free within {NODE_SECONDS} s; nothing known of one",
            f"try again later, or {yourself}",
            seen=False,
        )
    if answer.code == 0:
        text = f"the probe printed {_last(answer.output) or 'nothing'}"
    else:
        text = _last(answer.errors) or f"srun ended with code {answer.code}"
    return Finding(
        "compute node",
        False,
        text,
        "mend what SLURM refuses in site.yaml, or have this folder and its Python on a disk that "
        f"compute nodes share; {yourself}",
    )


def _last(text: str) -> str:
    """Return the last line of what a command said, before SLURM's own on its end."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reasons = [line for line in lines if not AFTERWARDS.search(line)]
    return next(reversed(reasons or lines), "")


def _judge(seen: dict[str, Any], site: Site, token: Path) -> Iterator[Finding]:
    host, folder = seen["host"], token.resolve().parent
    yield Finding("compute node", True, f"{host}: Python {seen['python']}, torch {seen['torch']}")
    if not seen["file"]:
        yield Finding(
            "shared disk",
            False,
            f"{host} does not see {folder}",
            "work on a disk that compute nodes share",
        )
    else:
        yield Finding("shared disk", True, str(folder))
    if site.gpus and not seen["gpus"]:
        yield Finding(
            "GPU in torch",
            False,
            f"torch on {host} sees none",
            "ask the admin for a driver that fits torch's CUDA, or set gpus: false",
        )
    elif site.gpus:
        yield Finding("GPU in torch", True, ", ".join(seen["gpus"]))
    if seen["data"] is False:
        yield Finding("data", False, f"{host} does not see PGF_DATA", "put it on a shared disk")
