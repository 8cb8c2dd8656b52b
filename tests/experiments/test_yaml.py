"""Files that are no YAML of a config are refused in one sentence."""

from pathlib import Path

import pytest
import yaml
from support.configs import GOOD, changed, load

from pgf.errors import UserError
from pgf.experiments.config import experiment_path
from pgf.experiments.yaml_files import read_yaml


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("name: [1\n", "is no YAML"),
        ("name: a\nname: b\n", "file.yaml: line 2, column 1: key 'name' stands twice"),
        ("name: a\ntraining: {steps: 1, steps: 2}\n", "key 'steps' stands twice"),
        ("name: !!python/object/apply:os.getcwd []\n", "is no YAML.*python/object"),
        (
            "name: 2024-13-45\n",
            "file.yaml: line 1, column 7: a value is a YAML timestamp: put it in quotes",
        ),
        ("name: !!set {a, b}\n", "a value is a YAML set: use texts, numbers and lists"),
        ("? [a, b]\n: 1\n", "line 1, column 3: a key is a list or a mapping"),
        ("name: a\n1:8: b\n", "line 2, column 1: key 1:8 is no text: put it in quotes"),
        ("name: .inf\n", "line 1, column 7: .inf is no finite number"),
        ("name: !!bool abc\n", "is no YAML"),
        ("name: 0x_\n", "is no YAML"),
        ("a: &a [*a]\n", "is no YAML"),
        ("a: &a {b: 1}\n<<: *a\n", "the merge key << is not read here"),
    ],
)
def test_what_is_no_config_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load(text, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_target_that_yaml_reads_as_a_number_of_minutes_is_refused_with_a_hint(
    tmp_path: Path,
) -> None:
    # YAML 1.1 reads a bare 1:4 as 64.
    text = yaml.safe_dump({k: v for k, v in GOOD.items() if k != "targets"})
    with pytest.raises(UserError, match=r"targets.*quote"):
        load(text + "targets: [1:4, 2:8]\n", tmp_path)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    for name in ("a" * 300, "a" * 300 + ".yaml"):
        with pytest.raises(UserError, match=r"no experiment|no config file"):
            experiment_path(name)


def test_jobs_hold_whole_stacks_of_a_recipe_of_its_own(tmp_path: Path) -> None:
    values = changed("recipes", "linear", "training", to={"stack": 3})
    load({**values, "runs_per_job": 6, "order": "column"}, tmp_path)
    with pytest.raises(UserError, match="2 splits stacks of 3 runs"):
        load({**values, "runs_per_job": 2, "order": "column"}, tmp_path)


def test_a_job_that_splits_a_stack_is_refused(tmp_path: Path) -> None:
    training = {**GOOD["training"], "stack": 2}
    load({**GOOD, "training": training, "runs_per_job": 4}, tmp_path)
    with pytest.raises(UserError, match="3 splits stacks of 2 runs"):
        load({**GOOD, "training": training, "runs_per_job": 3}, tmp_path)


def test_another_programs_file_may_hold_more(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text("a: &a {b: 1}\nc: {<<: *a, 2: x}\njobs: 3\n")
    assert read_yaml(path, foreign=True) == {"a": {"b": 1}, "c": {"b": 1, 2: "x"}, "jobs": 3}
    path.write_text("[1\n")
    with pytest.raises(UserError, match="is no YAML"):
        read_yaml(path, foreign=True)
