"""Jobs in the queue are told apart by experiment, folder and rule, from what squeue prints."""

import uuid
from pathlib import Path

import pytest

from pgf.errors import UserError
from pgf.experiments.config import load_experiment
from pgf.jobs.reproduce import count_missing, manifest_path, set_broken_aside
from pgf.jobs.slurm import adoption
from pgf.jobs.slurm import queue as slurm
from pgf.jobs.slurm.queue import QueuedJob
from pgf.records.record import RECORD

HERE = Path("/home/lab/pgf")
NAME = f"pgf-trial_{uuid.UUID(int=7)}"


def line(
    job: int,
    *,
    name: str = NAME,
    comment: str = "rule_train_wildcards_a.part0",
    folder: Path = HERE,
) -> str:
    return f"{job}|RUNNING|{name}|{comment}|{folder}"


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(slurm, "ask", lambda *_, **__: "\n".join(lines))
    monkeypatch.setattr(Path, "cwd", lambda: HERE)
    return lines


def test_an_experiments_jobs_are_its_own(queue: list[str]) -> None:
    queue += [
        line(1),
        line(2, name=f"pgf-trial-b_{uuid.UUID(int=7)}"),
        line(3, name=f"pgf-trial_b_{uuid.UUID(int=7)}"),
        line(4, folder=Path("/home/lab/other clone")),
        line(5, comment="rule_collect"),
        line(6, comment="rule_train_wildcards_b.part12"),
        line(7, name="jupyter"),
    ]
    jobs = [QueuedJob("1", "a.part0", "RUNNING"), QueuedJob("6", "b.part12", "RUNNING")]
    assert slurm.queued("trial", HERE) == jobs


def test_one_line_says_what_is_adopted(
    queue: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert adoption.left_over_jobs("trial") == [] and capsys.readouterr().err == ""
    queue += [line(1), line(2)]
    assert len(adoption.left_over_jobs("trial")) == 2
    assert capsys.readouterr().err == (
        "trial: 2 jobs are in SLURM's queue from an earlier workflow (2 running) and will not be "
        "submitted again; to end them: scancel 1 2\n"
    )


def test_adopted_jobs_are_waited_for_and_later_ones_are_not(
    queue: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    queue += [line(1), line(2)]
    jobs = slurm.queued("trial", HERE) or []
    looks: list[float] = []

    def later(seconds: float) -> None:
        looks.append(seconds)
        queue[:] = [[line(2), line(3)], [line(3)]][len(looks) - 1]

    adoption.wait_for_jobs("trial", jobs, sleep=later)
    assert len(looks) == 2
    assert capsys.readouterr().err == "trial: 1 job is still in SLURM's queue\n"


def test_where_there_is_no_slurm_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert slurm.queued("trial", HERE) is None and slurm.end_time("7") is None
    assert not slurm.requeue("7") and slurm.is_over("7") is None


def test_a_slurm_that_does_not_answer_for_a_while_is_asked_again(
    queue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue += [line(1)]
    answer, silent = slurm.ask, [True]

    def ask(*command: str, **options: float) -> str | None:
        return None if silent[0] else answer(*command, **options)

    def later(seconds: float) -> None:
        silent[0] = not silent[0]
        queue[:] = [] if silent[0] else queue

    monkeypatch.setattr(slurm, "ask", ask)
    jobs = adoption.left_over_jobs("trial", sleep=later)
    assert [job.id for job in jobs] == ["1"]
    silent[0] = True
    adoption.wait_for_jobs("trial", jobs, sleep=later)
    assert not silent[0]


def test_while_slurm_does_not_answer_nothing_is_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "ask", lambda *_, **__: None)
    with pytest.raises(UserError, match="squeue does not answer"):
        adoption.left_over_jobs("trial", sleep=lambda seconds: None)


def test_names_that_look_alike_have_prefixes_of_their_own(queue: list[str]) -> None:
    names = ["a_b", "a.b", "a-b", "a", "x" * 60, "x" * 61]
    prefixes = [slurm.prefix(name) for name in names]
    assert len(set(prefixes)) == len(names)
    assert all(len(prefix) <= slurm.LONGEST_PREFIX for prefix in prefixes)
    assert slurm.prefix("trial") == "pgf-trial"


def test_another_jobs_comment_may_have_lines(queue: list[str]) -> None:
    queue += [line(1), "and a second line", line(2, name="other", comment="a | b")]
    assert [job.id for job in slurm.queued("trial", HERE) or []] == ["1"]


def test_a_users_own_allocation_is_not_queued_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(slurm, "ask", lambda *command, **__: asked.append(command) or "")
    assert slurm.requeue("7") and asked == [("scontrol", "requeue", "7")]
    monkeypatch.setenv(slurm.KEEP_JOB, "1")
    assert not slurm.requeue("7") and len(asked) == 1


def test_what_an_adopted_job_may_be_writing_is_left_alone(tmp_path: Path) -> None:
    experiment = load_experiment("smoke")
    job, specs = next(iter(experiment.jobs().items()))
    manifest, broken = manifest_path(experiment, job, tmp_path), specs[0].directory(tmp_path)
    for path in (manifest, broken / RECORD):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half a line")
    missing = count_missing(experiment, tmp_path)
    set_broken_aside(experiment, tmp_path, spare=[job])
    assert manifest.exists() and (broken / RECORD).exists()
    set_broken_aside(experiment, tmp_path)
    assert count_missing(experiment, tmp_path) == missing == len(experiment.runs())
    assert not manifest.exists() and not (broken / RECORD).exists()
