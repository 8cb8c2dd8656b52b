"""The examination of a cluster: commands, partition, accounts, job status; then the disk."""

import getpass
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pgf.errors import nearest
from pgf.experiments import RunSpec, read_yaml
from pgf.jobs.slurm import queue as slurm
from pgf.jobs.slurm.doctor.finding import Finding
from pgf.jobs.slurm.doctor.node import look_at_node
from pgf.jobs.slurm.doctor.partition import Need, look_at_partition
from pgf.jobs.slurm.sites import Site, TaskCost

COMMANDS = ("sbatch", "squeue", "scontrol", "sinfo", "srun")
LEAST_JOB_AGE = 240
"""Seconds that SLURM must remember ended jobs for, where `squeue` is asked what became of them.

The executor slows its looks down to one in 180 s while no job ends.
"""
LEAST_FREE_GB = 20


def examine_cluster(
    site: Site,
    profile: Path,
    results: Path,
    *,
    specs: Sequence[RunSpec] = (),
    costs: Mapping[str, TaskCost] | None = None,
) -> Iterator[Finding]:
    """Yield what is found, the reasons for everything else first.

    Args:
        site: what jobs ask for.
        profile: Snakemake's file of the same profile.
        results: where runs are kept.
        specs: the runs that are to fit into a node; without any, a single process.
        costs: what a run of every task costs, as far as it is known.
    """
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
    partition = yield from look_at_partition(site, Need.of(site, specs, costs or {}))
    yield _account(site)
    yield _status(profile)
    yield _preemption()
    yield _disk(results)
    yield _environment()
    if partition:
        yield from look_at_node(site, results)


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
            seen=False,
        )
    known = set(answer.split())
    if site.account and site.account not in known:
        mend = f"set account in site.yaml; {nearest(site.account, known)}"
        return Finding("account", False, f"'{site.account}' is none of yours", mend)
    return Finding(
        "account", True, site.account or f"the default one of {', '.join(sorted(known)) or 'none'}"
    )


def _status(profile: Path) -> Finding:
    chosen = read_yaml(profile, foreign=True).get("slurm-status-command")
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
