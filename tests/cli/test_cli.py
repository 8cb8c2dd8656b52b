"""Bad input on the command line: one sentence, exit code 2, no traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from pgf.__main__ import main
from pgf.cli import COMMANDS
from pgf.experiments.config import load_experiment

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
    assert "did you mean 'laptop'?" in refusal(capsys, command, "labtop")


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


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ("tasks: {digits_vti: {}}", "did you mean 'digits_vit'?"),
        ("tasks: {digits_vit: {options: {widht: 32}}}", "did you mean 'width'?"),
        ("targets: ['1:48(FF)']", "groups of 48 do not divide 2 x FF of 64 inputs"),
        ("targets: ['1:4(CONV)']", "has no layer of group CONV"),
    ],
)
def test_what_only_the_model_can_say_is_said_before_training(
    change: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "bad.yaml"
    key = change.partition(":")[0]
    lines = {
        "name": "name: bad",
        "tasks": "tasks: {digits_vit: {}}",
        "training": "training: {steps: 3, batch_size: 32, learning_rate: 0.01}",
        "targets": "targets: ['1:4(FF)']",
        "recipes": "recipes: {sr_ste: {}}",
        "seeds": "seeds: [0]",
    }
    config.write_text("\n".join((lines | {key: change}).values()))
    assert hint in refusal(capsys, "check", str(config))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no space left" in refusal(capsys, "plan", "smoke", "--json", "/dev/full")


def test_a_plan_in_json_holds_the_same_runs_as_its_config(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    assert main(["plan", "smoke", "--json", str(path)]) == 0
    assert len(json.loads(path.read_text())) == len(load_experiment("smoke").runs())


@pytest.mark.slow
def test_a_plan_is_trained_where_configuration_and_data_libraries_are_missing(
    tmp_path: Path,
) -> None:
    plan = tmp_path / "plan.json"
    main(["plan", "smoke", "--json", str(plan)])
    missing = ("pydantic", "datasets", "snakemake", "yaml")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
        f"sys.modules.update(dict.fromkeys({missing})); from pgf.__main__ import main; "
        f"sys.exit(main(['train', {str(plan)!r}, '--recipe', 'sr_ste', '--seed', '1']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "results").rglob("record.json"))) == 2


def test_tables_are_made_without_torch() -> None:
    code = (
        "import sys, pgf.analysis.results, pgf.analysis.tables.registry; "
        "import pgf.analysis.figures.registry; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
