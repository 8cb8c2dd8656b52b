"""Experiments whose tasks have grids of their own."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.configs import GOOD, load

from pgf.errors import UserError
from pgf.experiments.experiment import Experiment
from pgf.experiments.run_spec import job_fingerprint

OWN = {
    "targets": ["1:16(FF)", "1:4(FF)"],
    "recipes": ["linear", "dense"],
    "seeds": [8, 9],
    "runs_per_job": 3,
}


def with_task(**own: Any) -> dict[str, Any]:
    """Return the good config with values of the second task's own."""
    values = deepcopy(GOOD)
    values["tasks"]["short"] |= own
    return values


def planned(values: dict[str, Any], task: str) -> set[tuple[str, str, int]]:
    runs = Experiment(**values).runs()
    return {(r.recipe.name, r.target, r.seed) for r in runs if r.task.name == task}


def expected(grid: dict[str, Any]) -> set[tuple[str, str, int]]:
    """Return the cells of a grid by its definition."""
    sparse = [name for name in grid["recipes"] if name != "dense"]
    cells = {
        (name, target, s) for name in sparse for target in grid["targets"] for s in grid["seeds"]
    }
    return cells | {("dense", "dense", s) for s in grid["seeds"] if "dense" in grid["recipes"]}


own_values = st.fixed_dictionaries(
    {},
    optional={
        "targets": st.lists(
            st.sampled_from(["1:4(FF)", "1:16(FF)", "2:4(QK)", "1:8(FF)+1:4(QK)"]),
            min_size=1,
            unique=True,
        ),
        "recipes": st.lists(st.sampled_from(list(GOOD["recipes"])), min_size=1, unique=True),
        "seeds": st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
        "runs_per_job": st.integers(1, 9),
    },
)


@given(own_values)
def test_a_task_runs_its_own_grid_and_the_experiment_s_where_it_has_none(
    own: dict[str, Any],
) -> None:
    values = with_task(**own)
    assert planned(values, "short") == expected({**GOOD, **own})
    assert planned(values, "digits") == expected(GOOD)


@given(own_values)
def test_a_task_s_own_grid_outdates_neither_runs_nor_jobs_of_another(own: dict[str, Any]) -> None:
    before, after = Experiment(**GOOD).jobs(), Experiment(**with_task(**own)).jobs()
    others = [name for name in before if name.startswith("digits.")]
    assert others == [name for name in after if name.startswith("digits.")]
    assert all(before[name] == after[name] for name in others)
    assert all(job_fingerprint(before[name]) == job_fingerprint(after[name]) for name in others)


@given(own_values)
def test_jobs_hold_all_runs_of_a_task_in_order_and_none_is_too_long(own: dict[str, Any]) -> None:
    experiment = Experiment(**with_task(**own))
    jobs = experiment.jobs()
    assert [run for runs in jobs.values() for run in runs] == experiment.runs()
    sizes = [len(runs) for name, runs in jobs.items() if name.startswith("short.")]
    most = own.get("runs_per_job", GOOD["runs_per_job"])
    assert set(sizes[:-1]) <= {most} and sizes[-1] <= most


@given(own_values)
def test_the_order_changes_neither_a_run_nor_the_order_of_seeds_and_of_columns(
    own: dict[str, Any],
) -> None:
    by_seed = Experiment(**with_task(**own)).runs()
    by_column = Experiment(**with_task(**own), order="column").runs()
    first = {
        (run.task.name, run.recipe.name, run.target): n
        for n, run in reversed([*enumerate(by_seed)])
    }
    assert by_column == sorted(
        by_seed, key=lambda run: first[run.task.name, run.recipe.name, run.target]
    )


def test_a_dense_run_is_measured_against_the_targets_of_its_own_task() -> None:
    runs = Experiment(**with_task(**OWN)).runs()
    found = {(r.task.name, r.references) for r in runs if r.target == "dense"}
    assert found == {("digits", tuple(GOOD["targets"])), ("short", tuple(OWN["targets"]))}


def test_columns_and_rows_are_what_any_task_has_in_order() -> None:
    values = with_task(**OWN)
    experiment = Experiment(**values)
    assert [name for name, _ in experiment.columns()] == list(GOOD["recipes"])
    assert experiment.rows() == [*GOOD["targets"], "1:16(FF)"]
    values["tasks"]["digits"] |= {"targets": ["1:32(FF)"], "recipes": ["dense"]}
    experiment = Experiment(**values)
    assert [name for name, _ in experiment.columns()] == ["dense", "linear"]
    assert experiment.rows() == ["1:4(FF)", "1:32(FF)", "1:16(FF)"]


def test_the_plan_s_hash_follows_names_and_the_order_of_tasks() -> None:
    tasks = dict(reversed(GOOD["tasks"].items()))
    renamed = deepcopy(GOOD)
    renamed["recipes"]["sr_ste"] = {"label": "another"}
    plans = [Experiment(**v) for v in (GOOD, {**GOOD, "tasks": tasks}, renamed)]
    assert len({plan.plan_fingerprint() for plan in plans}) == 3


@pytest.mark.parametrize("key", ["targets", "recipes"])
def test_the_hashes_follow_a_task_s_own_grid(key: str) -> None:
    own = {"targets": ["1:16(FF)"], "recipes": ["sr_ste"]}
    before, after = Experiment(**GOOD), Experiment(**with_task(**{key: own[key]}))
    assert before.plan_fingerprint() != after.plan_fingerprint()
    if key == "targets":
        assert before.analysis_fingerprint() != after.analysis_fingerprint()


BAD = [
    ({"recipes": ["sr_stee"]}, "tasks.short.recipes names 'sr_stee', no recipe.*mean 'sr_ste'"),
    ({"recipes": ["sr_ste", "sr_ste"]}, "tasks.short.recipes: sr_ste stands twice"),
    ({"recipes": []}, "tasks.short.recipes.*at least 1"),
    ({"recipes": "sr_ste"}, "tasks.short.recipes.*list.*'sr_ste'"),
    ({"targets": ["1:4", "1:4(FF)"]}, r"tasks.short.targets: 1:4\(FF\) stands twice"),
    ({"targets": ["dense"]}, "tasks.short.targets: dense is no target"),
    ({"targets": ["4:2(FF)"]}, "4:2.*between 1 and M"),
    ({"targets": [64]}, "tasks.short.targets.0.*in quotes"),
    ({"seeds": [1, 1]}, "tasks.short.seeds: 1 stands twice"),
    ({"seeds": [-1]}, "tasks.short.seeds.*-1"),
    ({"seeds": list(range(41))}, "tasks.short.seeds: .*at most 40; there are 41"),
    ({"runs_per_job": 0}, "tasks.short.runs_per_job.*1"),
    ({"seed": [3]}, "tasks.short.seed: unknown key; did you mean 'seeds'"),
]


@pytest.mark.parametrize(("own", "words"), BAD, ids=lambda v: str(v)[:40])
def test_a_bad_grid_is_refused_in_one_sentence(
    own: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load(with_task(**own), tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def only(recipes: list[str], **more: Any) -> dict[str, Any]:
    """Return the good config with both tasks limited to some recipes."""
    values = {**deepcopy(GOOD), **more}
    for entry in values["tasks"].values():
        entry["recipes"] = recipes
    return values


def test_a_baseline_that_one_task_lacks_is_accepted(tmp_path: Path) -> None:
    values = with_task(recipes=["dense", "linear"]) | {"analysis": {"baselines": ["sr_ste"]}}
    assert load(values, tmp_path).analysis.baselines == ("sr_ste",)


def test_a_baseline_of_no_task_is_refused(tmp_path: Path) -> None:
    values = only(["dense", "linear"], analysis={"baselines": ["sr_ste"]})
    with pytest.raises(UserError, match=r"baselines names 'sr_ste', which no task has"):
        load(values, tmp_path)


def test_a_recipe_of_no_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="recipes: no task has 'sr_ste'"):
        load(only(["dense", "linear"]), tmp_path)


PUBLISHED = {"table": "4", "model": "t5_base", "metric": "score"}


def test_a_task_is_compared_with_one_published_table_or_several(tmp_path: Path) -> None:
    one = load({**GOOD, "analysis": {"published": {"digits": PUBLISHED}}}, tmp_path)
    same = load({**GOOD, "analysis": {"published": {"digits": [PUBLISHED]}}}, tmp_path)
    two = load({**GOOD, "analysis": {"published": {"digits": [PUBLISHED] * 2}}}, tmp_path)
    assert one.analysis == same.analysis
    assert [len(e.analysis.published["digits"]) for e in (one, two)] == [1, 2]


@pytest.mark.parametrize("listed", [False, True])
def test_a_wrong_key_of_a_published_table_finds_its_nearest(listed: bool, tmp_path: Path) -> None:
    entry = {**PUBLISHED, "tabel": "4"}
    values = {**GOOD, "analysis": {"published": {"digits": [entry] if listed else entry}}}
    with pytest.raises(UserError, match=r"analysis.published.digits.0.tabel.*mean 'table'"):
        load(values, tmp_path)
