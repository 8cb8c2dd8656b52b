"""Lengths of a task in a config: the tasks they become, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.configs import GOOD, changed, load

from pgf.errors import UserError
from pgf.experiments import Experiment, with_lengths

LENGTHS = changed("tasks", "digits", "lengths", to=[10, 20, 40])


def test_a_task_becomes_one_a_length_and_the_others_stay() -> None:
    experiment = Experiment(**LENGTHS)
    assert list(experiment.tasks) == ["digits_10", "digits_20", "digits_40", "short"]
    assert experiment.families() == {"digits": ["digits_10", "digits_20", "digits_40"]}
    assert experiment.judged_tasks() == ["digits_40", "short"]
    steps = {run.task.name: run.training.steps for run in experiment.runs()}
    assert steps == {"digits_10": 10, "digits_20": 20, "digits_40": 40, "short": 20}
    assert {run.task.kind for run in experiment.runs()} == {"digits_vit"}


def test_a_length_is_the_task_that_one_would_write_by_hand() -> None:
    values = changed("tasks", to={"digits_10": {"task": "digits_vit", "training": {"steps": 10}}})
    by_hand = {run.fingerprint() for run in Experiment(**values).runs()}
    made = Experiment(**changed("tasks", "digits", "lengths", to=[10, 20])).runs()
    assert {run.fingerprint() for run in made if run.task.name == "digits_10"} == by_hand


def test_lengths_by_hand_differ_in_nothing_but_steps(tmp_path: Any) -> None:
    def by_hand(**more: Any) -> dict[str, Any]:
        tasks = {
            f"digits_{steps}": {
                "task": "digits_vit",
                "length_of": "digits",
                "training": {"steps": steps, **(more if steps == 20 else {})},
            }
            for steps in (10, 20)
        }
        return changed("tasks", to=tasks)

    load(by_hand(), tmp_path)
    with pytest.raises(UserError, match="differ in more than length"):
        load(by_hand(learning_rate=0.5), tmp_path)


@given(st.lists(st.integers(1, 9999), min_size=2, max_size=5, unique=True).map(sorted))
def test_expanding_twice_is_expanding_once(lengths: list[int]) -> None:
    once = with_lengths(changed("tasks", "digits", "lengths", to=lengths))
    assert with_lengths(once) == once
    assert len(once["tasks"]) == len(lengths) + 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (changed("tasks", "digits", "lengths", to=[20, 10]), "larger than the one before"),
        (changed("tasks", "digits", "lengths", to=[10, 10]), "larger than the one before"),
        (changed("tasks", "digits", "lengths", to=[10]), "at least 2 numbers"),
        (changed("tasks", "digits", "lengths", to=[0, 10]), "at least 2 numbers"),
        (changed("tasks", "digits", "lengths", to=[True, 10]), "at least 2 numbers"),
        (changed("tasks", "digits", "lengths", to="ten"), "at least 2 numbers"),
        (
            changed("tasks", "digits", to={"lengths": [1, 2], "training": {"steps": 3}}),
            "training.steps and lengths exclude each other",
        ),
    ],
)
def test_lengths_that_are_none_are_refused(values: Any, said: str, tmp_path: Any) -> None:
    with pytest.raises(UserError, match=said):
        load(values, tmp_path)


def test_a_recipe_of_one_length_is_refused(tmp_path: Any) -> None:
    values = changed("recipes", "sr_ste", to={"training": {"steps": 30}})
    values["tasks"]["digits"]["lengths"] = [10, 20]
    with pytest.raises(UserError, match=r"'sr_ste' has training\.steps, the same for every"):
        load(values, tmp_path)
    values["tasks"]["digits"]["recipes"] = ["dense", "linear"]
    assert load(values, tmp_path).families()


def test_a_length_that_has_another_task_s_name_is_refused(tmp_path: Any) -> None:
    tasks = {
        "digits": {"task": "digits_vit", "lengths": [10, 20]},
        "digits_20": {"task": "digits_vit"},
    }
    with pytest.raises(UserError, match="'digits_20' is another task's name"):
        load({**GOOD, "tasks": tasks}, tmp_path)


def test_a_recipe_s_length_is_a_factor_at_every_length() -> None:
    values = changed("tasks", "digits", "lengths", to=[10, 20])
    values["recipes"]["linear"]["length"] = 1.5
    runs = Experiment(**values).runs()
    steps = {(run.task.name, run.recipe.name): run.training.steps for run in runs}
    assert steps["digits_10", "linear"] == 15 and steps["digits_20", "linear"] == 30
    assert steps["digits_20", "sr_ste"] == 20 and steps["short", "linear"] == 30


@pytest.mark.parametrize(
    "own",
    [
        {"training": 5},
        {"training": [1]},
        {"recipes": 5},
        {"recipes": [{"a": 1}]},
        {"training": "abc"},
    ],
)
def test_other_nonsense_beside_lengths_is_one_sentence(own: Any, tmp_path: Any) -> None:
    with pytest.raises(UserError):
        load(
            changed("tasks", "digits", to={"task": "digits_vit", "lengths": [1, 2], **own}),
            tmp_path,
        )


@pytest.mark.parametrize("recipes", ["dense", ["dense", "sr_ste"], 5, {"sr_ste": {"training": 5}}])
def test_nonsense_in_the_recipes_is_one_sentence(recipes: Any, tmp_path: Any) -> None:
    values = changed("tasks", "digits", "lengths", to=[10, 20])
    with pytest.raises(UserError):
        load({**values, "recipes": recipes}, tmp_path)


def test_lengths_have_no_paper_s_set_up_and_no_length_of_by_hand(tmp_path: Any) -> None:
    values = changed("tasks", "digits", "lengths", to=[10, 20])
    for name in ("digits", "digits_20"):
        with pytest.raises(UserError, match="the paper has one length"):
            load({**values, "analysis": {"same_setup": [name]}}, tmp_path)
    values["tasks"]["digits"]["length_of"] = "other"
    with pytest.raises(UserError, match="lengths sets length_of; leave it out"):
        load(values, tmp_path)
