"""The command line: bad input is one sentence and exit code 2; queries write nothing."""

import errno
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support import ROOT
from support.configs import write_small

from pgf.__main__ import main
from pgf.cli import COMMANDS, Command
from pgf.cli.registry import Group, Options
from pgf.experiments import experiment_with, load_experiment

COSTS = ("bench", "doctor", "gpu", "models")
WITH_EXPERIMENT = [name for name, command in COMMANDS.items() if command.takes_experiment]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("command", WITH_EXPERIMENT)
def test_every_command_names_the_nearest_experiment(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"merge": ["lab"], "submit": ["a.py:A", "--name", "a", "--by", "b"]}
    said = refusal(capsys, command, "labtop", *more.get(command, []))
    assert "did you mean 'laptop'?" in said


@pytest.mark.parametrize("command", WITH_EXPERIMENT)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([command, "--help"])
    assert leaving.value.code == 0
    assert "EXPERIMENT" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--job", "digits_vit.part9"], "did you mean 'digits_vit.part"),
        (["--recipe", "mdgf_liner"], "did you mean 'mdgf_linear'?"),
        (["--target", "1:5(FF)"], "did you mean '1:4(FF)'?"),
        (["--seed", "77"], "no run with seed '77'"),
    ],
)
def test_train_names_the_nearest_run(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hint in refusal(capsys, "train", "smoke", *arguments)


def test_an_unknown_profile_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    message = refusal(capsys, "reproduce", "smoke", "--profile", "defualt")
    assert "did you mean 'default'?" in message


def test_the_workflow_runs_in_the_projects_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = str(ROOT / "configs/smoke.yaml")
    assert "run the command in the project's folder" in refusal(capsys, "reproduce", config)


def test_whoever_has_read_enough_of_the_output_may_leave() -> None:
    command = f"{sys.executable} -m pgf list | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (141, "") and done.stdout


def test_costs_of_further_targets_need_no_tuning() -> None:
    made = experiment_with(load_experiment("laptop"), ["1:4(FF)"])
    assert "1:4(FF)" in {run.target for run in made.runs()} and made.tuning is None


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("tasks", "{digits_vti: {}}", "did you mean 'digits_vit'?"),
        ("tasks", "{digits_vit: {options: {widht: 32}}}", "did you mean 'width'?"),
        ("targets", "['1:48(FF)']", "groups of 48 do not divide 2 x FF of 64 inputs"),
        ("targets", "['1:4(CONV)']", "has no layer of group CONV"),
    ],
)
def test_what_only_the_model_can_say_is_said_before_training(
    key: str, value: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hint in refusal(capsys, "check", write_small(tmp_path, **{key: value}))


def test_a_full_disk_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results/smoke/runs.csv")
    monkeypatch.setitem(COMMANDS, "check", failing("check", full))
    assert "no space left on the disk for results/smoke" in refusal(capsys, "check", "smoke")


def failing(name: str, error: Exception) -> Command:
    """Return a command that meets an error."""

    def run(options: Options) -> int:
        raise error

    return replace(COMMANDS[name], run=run)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lits"], "no command 'lits': did you mean 'list'?"),
        (["tables"], "the following arguments are required: EXPERIMENT; `pgf tables --help`"),
        (["train", "smoke", "--sede", "3"], "unrecognized arguments: --sede 3"),
        (["plan", "smoke", "--jobs", "0"], "--jobs must be at least 1: 0"),
        (["models", "resnet50", "--write"], "--write keeps the survey of all families"),
        (["hours", "smoke", "--tflops", "nan"], "--tflops must be positive: nan"),
        (["gpu", "--minutes", "nan"], "--minutes must be positive: nan"),
        (
            ["train", "smoke", "--hang-minutes", "nan"],
            "--hang-minutes must be above 0 and at most 1e6: nan",
        ),
        (["hours", "smoke", "--write"], "--write keeps the table of all experiments"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refusal(capsys, *arguments)


def test_the_help_text_shows_what_people_type_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([])
    assert leaving.value.code == 0
    shown = re.findall(r"^  ([\w-]+) +[A-Z].*\.$", capsys.readouterr().out, re.M)
    results = ("compare", "dashboard", "merge", "pack", "tables", "leaderboard", "page")
    looks = ("check-recipe", "list", "plan", "check")
    assert shown == ["reproduce", "status", "train", "tune", *looks, *results, *COSTS]
    assert {n for n, c in COMMANDS.items() if c.group is not Group.SELDOM} == set(shown)


def test_every_other_command_is_named_in_the_help_text(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    (line,) = re.findall(rf"^{Group.SELDOM.value}: (.*)$", capsys.readouterr().out, re.M)
    assert line.split(", ") == sorted(n for n, c in COMMANDS.items() if c.group is Group.SELDOM)


@pytest.mark.parametrize("command", ["plan", "check", "compute", "steps", "train"])
def test_an_unknown_experiment_is_refused_before_torch_is_imported(command: str) -> None:
    code = (
        "import sys; from pgf.__main__ import main; "
        f"sys.exit(main([{command!r}, 'smoek']) != 2 or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_models_that_are_named_are_shown_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["models", "vit_tiny_patch16_224"]) == 0
    output = capsys.readouterr().out
    assert "vit_tiny_patch16_224: told" in output and "FF: 24 layers of 192, 768 inputs" in output
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("write", [False, True])
def test_gpu_hours_are_printed_and_written_only_when_asked_to(
    write: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    text = (ROOT / "configs/imagenet_vit_base.yaml").read_text()
    (tmp_path / "configs/imagenet_vit_base.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(["hours", *(["--write"] if write else [])]) == 0
    output = capsys.readouterr().out
    assert "| imagenet_vit_base |" in output
    files = {path.name for path in (tmp_path / "results").rglob("*.*")}
    assert files == ({"gpu_hours.md", "gpu_hours.csv"} if write else set())
    assert ("results/committed/gpu_hours: gpu_hours.md and gpu_hours.csv" in output) == write


def test_tables_are_made_without_torch() -> None:
    code = (
        "import sys, pgf.analysis.results, pgf.analysis.tables.write; "
        "import pgf.analysis.figures.write; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
