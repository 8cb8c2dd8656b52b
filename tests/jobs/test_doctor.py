"""The doctor's findings on clusters whose commands are scripts with SLURM's answers."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.helpers import tiny_spec

from pgf.experiments.run_spec import RunSpec
from pgf.jobs.slurm.doctor import Finding, doctor_summary, examine_cluster, is_healthy
from pgf.jobs.slurm.sites import PROFILES, Site, TaskCost

PROFILE = PROFILES / "slurm/profile.yaml"
SEEN = {
    **{"host": "node1", "python": "3.11.9", "torch": "2.9.0", "gpus": ["A100"]},
    **{"file": True, "data": None},
}
JSON = json.dumps(SEEN)
ANSWERS = {
    "sbatch": "",
    "squeue": "",
    "scontrol": "echo 'Slurmctld(primary) at head is UP'; echo 'MinJobAge = 300 sec'",
    "sinfo": "echo 'gpu*|1-00:00:00|64|500000|gpu:a100:4(S:0-1)'",
    "sacctmgr": "exit 1",
    "sacct": "exit 1",
    "srun": f"echo '{JSON}'",
}
GPUS = [
    ("gpu:a100:4(S:0,1)", None, 4, True),
    ("gpu:4", None, 4, True),
    ("gpu:4", None, 5, False),
    ("gpu:a100:4,gpu:v100:8", "a100", 4, True),
    ("gpu:a100:4,gpu:v100:8", "a100", 8, False),
    ("gpu:a100:4,gpu:v100:8", None, 4, None),
    ("gpu:a100-sxm4-80gb:8", "a100-sxm4-80gb", 8, True),
    ("gpu:a100:4", "a100-sxm4-80gb", 1, False),
    ("gpu_mem:80G,shard:4", None, 1, False),
    ("(null)", None, 1, False),
]
"""GPUs of the nodes, the model asked for, processes of a run, and whether they fit."""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the commands of a healthy cluster."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, answer in ANSWERS.items():
        says(folder, name, answer)
    path = (str(folder), str(Path(sys.executable).parent), "/usr/bin", "/bin")
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setattr("pgf.jobs.slurm.doctor.cluster.LEAST_FREE_GB", 0)
    return folder


def says(folder: Path, name: str, script: str) -> None:
    """Let a command run a script."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def look(
    cluster: Path, site: Site | None = None, *, specs: Sequence[RunSpec] = (), mb: int = 0
) -> dict[str, Finding]:
    """Return what the doctor finds, by name."""
    costs = {"digits": TaskCost(flops_a_sample=1.0, bytes=mb * 2**20)}
    results = cluster.parent / "results"
    found = examine_cluster(site or Site(), PROFILE, results, specs=specs, costs=costs)
    return {finding.name: finding for finding in found}


def on(processes: int) -> list[RunSpec]:
    """Return a run of one process and one of several."""
    return [tiny_spec("ste", batch_size=840, processes=number) for number in (1, processes)]


def test_a_healthy_cluster_is_ready(cluster: Path) -> None:
    found = look(cluster)
    assert [str(finding) for finding in found.values() if not finding.ok] == []
    assert doctor_summary(list(found.values())) == "ready"
    assert not list((cluster.parent / "results").iterdir()), "the probe's file is gone"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo 'srun: error: Invalid qos specification' >&2; exit 1", "Invalid qos specification"),
        (
            "echo 'slurmstepd: error: execve(): python: No such file' >&2\n"
            "echo 'srun: error: node1: task 0: Exited with exit code 2' >&2; exit 2",
            "slurmstepd: error: execve(): python: No such file",
        ),
        ("echo 'srun: error: node1: task 0: Killed' >&2; exit 137", "task 0: Killed"),
        (f"echo '{JSON}'; exit 3", "code 3"),
        ("exit 9", "code 9"),
        ("true", "printed nothing"),
        ("echo Job ends; echo '{}'; echo '[1]'", "printed [1]"),
        ("printf '\\377\\n'", "printed"),
    ],
)
def test_a_node_that_refuses_says_why(script: str, text: str, cluster: Path) -> None:
    says(cluster, "srun", script)
    found = look(cluster, Site(constraint="a100&nvlink", extra="--reservation='of mine'"))
    node = found["compute node"]
    assert node.ok is False and text in node.text and "GPU in torch" not in found
    assert "'--constraint=a100&nvlink'" in node.remedy and "'--reservation=of mine'" in node.remedy


@pytest.mark.parametrize(
    "script",
    [
        "echo 'srun: error: Unable to allocate resources: Requested nodes are busy' >&2; exit 1",
        "echo 'srun: error: Job can not start immediately' >&2; exit 1",
        "exec sleep 60",
    ],
)
def test_a_node_that_is_not_free_is_not_known(
    script: str, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgf.jobs.slurm.doctor.node.NODE_SECONDS", 0.2)
    says(cluster, "srun", script)
    found = list(look(cluster).values())
    assert doctor_summary(found) == "ready, but not looked at: compute node" and is_healthy(found)


def test_what_epilogs_print_is_no_answer(cluster: Path) -> None:
    says(cluster, "srun", f"echo hello; echo '{JSON}'; echo '{{}}'; echo 'job used 3 s'")
    assert look(cluster)["compute node"].text == "node1: Python 3.11.9, torch 2.9.0"


def test_a_run_of_several_processes_must_fit_into_one_node(cluster: Path) -> None:
    says(cluster, "sinfo", "echo 'gpu*|infinite|32|250000|gpu:8'; echo 'gpu*|infinite|64|1|gpu:8'")
    site = Site(cpus=8, memory_mb=50_000)
    assert look(cluster, site, specs=on(4))["node"].ok
    assert not look(cluster, site, specs=on(5))["node"].ok, "no single node has both"
    assert not look(cluster, site, specs=on(4), mb=12_501)["node"].ok, "the model's memory"
    assert look(cluster, site, mb=12_501)["node"].ok, "without runs a single process"


@pytest.mark.parametrize(("most", "ok"), [(49_999, False), (50_000, True), (250_001, False)])
def test_retries_ask_for_what_a_run_takes_and_a_node_has(
    most: int, ok: bool, cluster: Path
) -> None:
    says(cluster, "sinfo", "echo 'gpu*|infinite|32|250000|gpu:8'")
    found = look(cluster, Site(memory_mb=50_000, most_memory_mb=most), specs=on(1))
    assert ("memory of retries" not in found) == ok


@pytest.mark.parametrize(("gres", "model", "processes", "ok"), GPUS)
def test_gpus_of_one_node_and_of_one_model(
    gres: str, model: str | None, processes: int, ok: bool | None, cluster: Path
) -> None:
    says(cluster, "sinfo", f"echo 'gpu*|infinite|640|900000|{gres}'")
    found = look(cluster, Site(gpu_model=model), specs=on(processes))
    assert found["GPU"].ok is ok, found["GPU"]
    if ok is None:
        assert doctor_summary(list(found.values())) == "ready, but in doubt: GPU"


@pytest.mark.parametrize(("age", "ok"), [(239, False), (240, True)])
def test_slurm_must_remember_jobs_from_one_look_to_the_next(
    age: int, ok: bool, cluster: Path
) -> None:
    says(cluster, "scontrol", f"echo 'is UP'; echo 'MinJobAge = {age} sec'")
    assert look(cluster)["job status"].ok is ok


def test_an_account_that_nobody_can_check_is_not_looked_at(cluster: Path) -> None:
    says(cluster, "srun", "echo 'srun: error: Requested nodes are busy' >&2; exit 1")
    found = list(look(cluster, Site(account="mine")).values())
    assert doctor_summary(found) == "ready, but not looked at: account, compute node"
    assert doctor_summary([*found, Finding("x", False, "")]) == "not ready yet"
