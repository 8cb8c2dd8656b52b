"""The SLURM profile on a real SLURM: whatever happens to its jobs, the tables are the same.

"Bitwise the tables of an undisturbed local run" is what every scenario ends with.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cluster import Cluster, Grid, ask, until
from conftest import LONG, SHORT, local_tables

HANG_ONCE = """
from dataclasses import dataclass
from pathlib import Path
from pgf.recipes.baselines import SrSte


@dataclass(frozen=True, kw_only=True)
class HangOnce(SrSte):
    def sparse(self, *arguments, **more):
        if Path("results/trial/runs/digits_vit/sr_ste/1of16_FF/seed0/checkpoint.pt").exists():
            if not Path("has_hung").exists():
                Path("has_hung").touch()
                while True:
                    pass
        return super().sparse(*arguments, **more)
"""

ACCOUNTING = False
Make = Callable[..., Grid]
Tables = dict[int, dict[str, bytes]]


def training(grid: Grid, recipe: str) -> int:
    """Return the process that trains a recipe's run, once it has a checkpoint."""
    until((grid.run(recipe) / "checkpoint.pt").exists, f"{recipe} has a checkpoint")
    pattern = r"pgf train configs/trial.yaml --job \S+ --manifest .*"
    for line in ask("pgrep", "--list-full", "--full", pattern).splitlines():
        pid = line.split()[0]
        if os.path.realpath(f"/proc/{pid}/cwd") != str(grid.root):
            continue
        held = [os.path.realpath(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        if str(grid.run(recipe) / ".lock") in held:
            return int(pid)
    raise AssertionError(f"nobody trains {recipe}")


def slurm_job_of(pid: int) -> str:
    with open(f"/proc/{pid}/environ", "rb") as file:
        found = re.search(rb"SLURM_JOB_ID=(\d+)", file.read())
    assert found
    return found.group(1).decode()


def test_smoke_gives_the_tables_of_a_local_run(grid: Make, folder: Path) -> None:
    ours = grid()
    ours.finish(ours.start("smoke"))
    assert ours.tables("smoke") == local_tables(folder / "smoke", SHORT, "smoke")
    assert ours.submitted() == 2, "fifty runs in two packs"


def test_a_job_gets_the_gpu_that_its_site_file_asks_for(grid: Make, undisturbed: Tables) -> None:
    ours = grid(steps=LONG)
    workflow = ours.start()
    pid = training(ours, "sr_ste")
    details = ask("scontrol", "show", "job", slurm_job_of(pid))
    assert "TresPerJob=gres:gpu:1" in details and "Partition=gpu" in details
    with open(f"/proc/{pid}/environ", "rb") as file:
        assert re.search(rb"CUDA_VISIBLE_DEVICES=\d\x00", file.read())
    ours.finish(workflow)
    assert ours.tables() == undisturbed[LONG]


def test_a_killed_training_a_cancelled_job_and_another_experiment_at_once(
    grid: Make, undisturbed: Tables
) -> None:
    ours, theirs = grid(steps=LONG), grid("-theirs")
    workflow, other = ours.start(), theirs.start()
    os.kill(training(ours, "sr_ste"), signal.SIGKILL)
    ask("scancel", slurm_job_of(training(ours, "mdgf_linear")))
    ours.finish(workflow)
    theirs.finish(other)
    assert "resumed at step" in ours.train_log("sr_ste")
    assert "stopped (SIGTERM" in ours.train_log("mdgf_linear")
    assert "resumed at step" in ours.train_log("mdgf_linear")
    assert "resumed" not in ours.train_log("sdgf_stepwise")
    assert ours.tables() == undisturbed[LONG]
    assert theirs.tables() == undisturbed[SHORT]
    assert (ours.submitted(), theirs.submitted()) == (5, 3)


def test_a_job_at_its_time_limit_queues_itself_again(grid: Make, undisturbed: Tables) -> None:
    ours = grid(steps=LONG, longest_minutes=1)
    workflow = ours.start()
    pid = training(ours, "sr_ste")
    job = slurm_job_of(pid)
    os.kill(pid, signal.SIGSTOP)  # its minute passes without work
    end = float(ask("squeue", "--noheader", f"--job={job}", "--format=%e"))
    until(lambda: time.time() > end - 10, "the job's time is nearly over")
    os.kill(pid, signal.SIGCONT)
    until(
        lambda: ask("squeue", "--noheader", f"--job={job}", "--format=%T") == "PENDING\n", "again"
    )
    ask("scontrol", "update", f"job={job}", "StartTime=now")  # SLURM lets it wait two minutes
    ours.finish(workflow)
    assert "stopped (the job's time is nearly over" in ours.train_log("sr_ste")
    assert "resumed at step" in ours.train_log("sr_ste")
    assert ours.submitted() == 3, "it came back as the same job"
    assert ours.tables() == undisturbed[LONG]


def test_a_job_out_of_memory_is_tried_again_with_more(grid: Make, undisturbed: Tables) -> None:
    ours = grid(memory_mb=300)
    ours.finish(ours.start())
    assert ours.submitted() > 3
    assert ours.tables() == undisturbed[SHORT]


def test_a_job_that_hangs_is_ended_and_tried_again(grid: Make) -> None:
    local, ours = grid("-local", steps=LONG), grid(steps=LONG, hang_minutes=1)
    for each in (local, ours):
        (each.root / "hang_once.py").write_text(HANG_ONCE)
        config = each.root / "configs/trial.yaml"
        recipe = '{recipe: "hang_once:HangOnce", label: SR-STE}'
        config.write_text(config.read_text().replace("sr_ste: {}", f"sr_ste: {recipe}"))
    (local.root / "has_hung").touch()
    local.finish(local.start(profile="default"))
    ours.finish(ours.start())
    assert (ours.root / "has_hung").exists() and "resumed at step" in ours.train_log("sr_ste")
    assert ours.tables() == local.tables()


def test_daemons_that_die_and_come_back_lose_nothing(
    grid: Make, cluster: Cluster, undisturbed: Tables
) -> None:
    ours = grid(steps=LONG)
    workflow = ours.start()
    training(ours, "sr_ste")
    cluster.restart("slurmd")
    cluster.restart("slurmctld")
    ours.finish(workflow)
    assert ours.tables() == undisturbed[LONG]


def test_a_lost_node_gives_its_jobs_back(grid: Make, cluster: Cluster, undisturbed: Tables) -> None:
    ours = grid(steps=LONG)
    workflow = ours.start()
    job = slurm_job_of(training(ours, "sr_ste"))
    cluster.lose_node()
    until(lambda: "PENDING" in ask("squeue", "--noheader", "--format=%T"), "jobs are queued again")
    for waiting in ask("squeue", "--noheader", "--states=PENDING", "--format=%i").split():
        ask("scontrol", "update", f"job={waiting}", "StartTime=now")
    ours.finish(workflow)
    assert job in ask("squeue", "--states=all", "--noheader", "--format=%i").split()
    assert ours.submitted() == 3
    assert ours.tables() == undisturbed[LONG]


def test_a_killed_workflow_finds_its_jobs_again(grid: Make, undisturbed: Tables) -> None:
    ours = grid(steps=LONG, cpus=2)  # so that the third job has to wait
    workflow = ours.start()
    training(ours, "sr_ste")
    until(lambda: ours.submitted() == 3, "all jobs are in the queue")
    logs = set((ours.root / ".snakemake/slurm_logs/rule_train").iterdir())
    for pid in ask("pgrep", "--session", str(workflow.pid)).split():
        os.kill(int(pid), signal.SIGKILL)
    workflow.wait()
    text = ours.finish(ours.start())
    assert re.search(
        r"in SLURM's queue from an earlier workflow .* will not be submitted again", text
    )
    assert ours.tables() == undisturbed[LONG]
    assert ours.submitted() == 3
    # A job whose log has no folder fails as SLURM launches it: no workflow may tidy up here.
    assert len(logs) == 3 and all(folder.is_dir() for folder in logs)


def test_a_run_that_fails_for_good_is_summed_up_and_the_others_stand(grid: Make) -> None:
    ours = grid()
    (ours.run("sr_ste").parent).mkdir(parents=True)
    ours.run("sr_ste").write_text("a file where a folder belongs")
    profile = ours.root / "workflow/profiles/slurm/profile.yaml"
    profile.write_text(re.sub(r"(?m)^retries: \d+", "retries: 0", profile.read_text()))
    text = ours.finish(ours.start("trial", "--partial"), code=1)
    assert "1 of 3 runs are not finished" in text
    table = (ours.root / "results/trial/tables/accuracy.md").read_text()
    assert re.search(r"\| 1:16 \(FF\) +\| +- +\|", table), table
    assert (ours.run("mdgf_linear") / "record.json").exists()
    assert (ours.run("sdgf_stepwise") / "record.json").exists()


def test_the_doctor_names_what_is_wrong_with_its_remedy(grid: Make) -> None:
    ours = grid(partition="gpuu", longest_minutes=99999)
    done = subprocess.run(
        [sys.executable, "-m", "pgf", "doctor", "trial"],
        cwd=ours.root,
        env=ours.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "FAIL partition: no 'gpuu'" in done.stdout and "did you mean 'gpu'?" in done.stdout
    assert "not ready yet" in done.stdout
