"""What SLURM says of itself: commands, partition, limits, accounts, job status; then the disk."""

import getpass
import os
import re
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

from pgf import slurm
from pgf.doctor.finding import Finding
from pgf.doctor.node import look_at_node
from pgf.errors import nearest
from pgf.sites import Site
from pgf.validation import read_yaml

COMMANDS = ("sbatch", "squeue", "scontrol", "sinfo", "srun")
LEAST_JOB_AGE = 120
"""Seconds that SLURM must remember ended jobs for, where `squeue` is asked what became of them."""
LEAST_FREE_GB = 20


def examine(site: Site, profile: Path, results: Path) -> Iterator[Finding]:
    """Yield what is found, the reasons for everything else first."""
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        yield Finding(
            "commands",
            False,
            f"{', '.join(missing)} not found",
            "log in to a submit node of the cluster, or load its SLURM module",
        )
        return
    yield Finding("commands", True, ", ".join(COMMANDS))
    ping = slurm.ask("scontrol", "ping") or ""
    if "UP" not in ping:
        yield Finding("controller", False, ping or "no answer", "ask the admin: slurmctld is down")
        return
    yield Finding("controller", True, ping.splitlines()[0])
    partition = yield from _partition(site)
    yield _account(site)
    yield _status(profile)
    yield _preemption()
    yield _disk(results)
    yield _environment()
    if partition:
        yield from look_at_node(site, results)


def _partition(site: Site) -> Generator[Finding, None, bool]:
    """Yield what is found of the partition; return whether there is one."""
    lines = (slurm.ask("sinfo", "--noheader", "--format", "%P|%l|%c|%m|%G") or "").splitlines()
    nodes = [line.split("|") for line in lines]
    known = {row[0].rstrip("*") for row in nodes}
    default = next((row[0].rstrip("*") for row in nodes if row[0].endswith("*")), None)
    wanted = site.partition or default
    if wanted is None or wanted not in known:
        text = f"no '{wanted}'" if wanted else "the site has no default one"
        yield Finding(
            "partition", False, text, f"set partition in site.yaml; {nearest(wanted or '', known)}"
        )
        return False
    own = [row for row in nodes if row[0].rstrip("*") == wanted]
    yield Finding("partition", True, wanted)
    yield _time_limit(site, own[0][1])
    yield _size(site, own)
    if site.gpus:
        yield _gpu(site, [row[4] for row in own])
    return True


def _time_limit(site: Site, limit: str) -> Finding:
    longest = _minutes(limit)
    if longest is not None and longest < site.longest_minutes:
        return Finding(
            "time limit",
            False,
            f"the partition allows {longest} minutes",
            f"set longest_minutes to at most {longest}: longer runs go on in further slices",
        )
    return Finding("time limit", True, f"{site.longest_minutes} minutes asked for, {limit} allowed")


def _minutes(limit: str) -> int | None:
    """Return SLURM's [days-]hours:minutes:seconds in minutes; None for no limit."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if match is None:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + minutes


def _size(site: Site, nodes: list[list[str]]) -> Finding:
    cpus = max(int(row[2].rstrip("+")) for row in nodes)
    memory = max(int(row[3].rstrip("+")) for row in nodes)
    if cpus < site.cpus or memory < site.memory_mb:
        return Finding(
            "node",
            False,
            f"the largest has {cpus} cores and {memory} MB, "
            f"asked for are {site.cpus} and {site.memory_mb}",
            "lower cpus or memory_mb in site.yaml",
        )
    return Finding("node", True, f"{cpus} cores, {memory} MB")


def _gpu(site: Site, resources: list[str]) -> Finding:
    found = sorted(
        {
            part.split("(")[0]
            for text in resources
            for part in text.split(",")
            if part.startswith("gpu")
        }
    )
    models = {part.split(":")[1] for part in found if part.count(":") > 1}
    if not found:
        return Finding(
            "GPU", False, "the partition has none", "choose another partition, or set gpus: false"
        )
    if site.gpu_model and site.gpu_model not in models:
        return Finding(
            "GPU",
            False,
            f"no model '{site.gpu_model}' in {', '.join(found)}",
            f"set gpu_model to null, or: {nearest(site.gpu_model, models)}",
        )
    return Finding("GPU", True, ", ".join(found))


def _account(site: Site) -> Finding:
    answer = slurm.ask(
        "sacctmgr",
        "--noheader",
        "--parsable2",
        "show",
        "associations",
        f"user={getpass.getuser()}",
        "format=account",
    )
    if answer is None:
        return Finding(
            "account",
            None if site.account else True,
            "the site keeps no accounts"
            + (f"; '{site.account}' cannot be checked" if site.account else ""),
        )
    known = set(answer.split())
    if site.account and site.account not in known:
        return Finding(
            "account",
            False,
            f"'{site.account}' is none of yours",
            f"set account in site.yaml; {nearest(site.account, known)}",
        )
    return Finding(
        "account", True, site.account or f"the default one of {', '.join(sorted(known)) or 'none'}"
    )


def _status(profile: Path) -> Finding:
    chosen = read_yaml(profile).get("slurm-status-command")
    config = slurm.ask("scontrol", "show", "config") or ""
    keeps = (
        "accounting_storage/none" not in config
        and slurm.ask("sacct", "--noheader", "--allocations") is not None
    )
    found = re.search(r"MinJobAge\s*=\s*(\d+)", config)
    age = int(found.group(1)) if found else 0
    if chosen == "squeue" and age < LEAST_JOB_AGE:
        remedy = (
            "set slurm-status-command: sacct in profile.yaml"
            if keeps
            else "ask the admin for MinJobAge=300 or for accounting"
        )
        return Finding(
            "job status", False, f"SLURM forgets ended jobs after {age} s (MinJobAge)", remedy
        )
    if chosen != "squeue" and not keeps:
        return Finding(
            "job status",
            False,
            "no accounting: with sacct Snakemake would wait for ever",
            "set slurm-status-command: squeue in profile.yaml",
        )
    if chosen != "squeue" and age >= LEAST_JOB_AGE:
        return Finding(
            "job status",
            None,
            "with sacct Snakemake waits for ever for a job that scancel ended",
            "set slurm-status-command: squeue in profile.yaml",
        )
    return Finding(
        "job status", True, f"{chosen}, MinJobAge {age} s, accounting {'on' if keeps else 'off'}"
    )


def _preemption() -> Finding:
    config = slurm.ask("scontrol", "show", "config") or ""
    found = re.search(r"PreemptMode\s*=\s*(\S+)", config)
    mode = found.group(1) if found else "unknown"
    if "CANCEL" in mode:
        return Finding(
            "preemption",
            None,
            f"{mode}: Snakemake waits for a preempted job to come back, and it does not",
            "use a partition that is not preempted, or one with PreemptMode=REQUEUE",
        )
    return Finding("preemption", True, mode)


def _disk(results: Path) -> Finding:
    results.mkdir(exist_ok=True)
    free = shutil.disk_usage(results).free / 2**30
    if free < LEAST_FREE_GB:
        return Finding(
            "disk",
            False,
            f"{free:.0f} GB free for {results}/",
            f"have {LEAST_FREE_GB} GB free, or put a link to a larger disk in its place",
        )
    return Finding("disk", True, f"{free:.0f} GB free for {results}/")


def _environment() -> Finding:
    first = shutil.which("python")
    if first is None or not os.path.samefile(
        os.path.dirname(first), os.path.dirname(sys.executable)
    ):
        return Finding(
            "environment",
            False,
            f"jobs would run {first}, this is {sys.executable}",
            "start through make, or activate the environment first",
        )
    return Finding("environment", True, sys.executable)
