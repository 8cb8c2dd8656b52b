"""Experiments: what a good config plans, and one sentence for each bad one."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT
from support.configs import GOOD, as_untuned, changed, load

from pgf.errors import UserError
from pgf.experiments.config import experiment_path, load_experiment
from pgf.experiments.experiment import SHOWN, Experiment
from pgf.experiments.selection import UNFINISHED
from pgf.experiments.settings import StatisticsSettings
from pgf.experiments.tuning_settings import selection_path
from pgf.experiments.yaml_files import read_yaml
from pgf.recipes import RECIPES
from pgf.tasks import TASKS

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_project_loads_under_its_name(path: Path) -> None:
    experiment = as_untuned(str(path))
    assert experiment.name == path.stem and experiment.runs()
    selection = selection_path(path.stem)
    if selection.exists() and UNFINISHED not in read_yaml(selection):
        assert load_experiment(str(path)).runs(), "its tuned rates are of this config"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_head_of_a_config_of_the_project_says_what_it_is(path: Path) -> None:
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_runs_are_unique_and_every_run_has_its_job(path: Path) -> None:
    experiment = as_untuned(str(path))
    slugs = [run.slug for run in experiment.runs()]
    in_jobs = [run.slug for runs in experiment.jobs().values() for run in runs]
    assert len(set(slugs)) == len(slugs) and sorted(in_jobs) == sorted(slugs)


def test_runs_are_those_of_the_grid_with_dense_once_a_seed(tmp_path: Path) -> None:
    runs = load(GOOD, tmp_path).runs()
    found = {(r.task.name, r.seed, r.recipe.name, r.target) for r in runs}
    cells = {
        ("dense", "dense"),
        *((recipe, target) for recipe in ("sr_ste", "linear") for target in GOOD["targets"]),
    }
    assert found == {(t, s, *cell) for t in GOOD["tasks"] for s in GOOD["seeds"] for cell in cells}
    assert len(runs) == len(found) == 30


def test_a_dense_run_is_measured_against_every_target(tmp_path: Path) -> None:
    runs = load(GOOD, tmp_path).runs()
    assert {r.references for r in runs if r.target == "dense"} == {tuple(GOOD["targets"])}
    assert all(r.references == (r.target,) for r in runs if r.target != "dense")


def test_statistics_of_a_task_stand_over_the_experiments(tmp_path: Path) -> None:
    own = {"every": 5, "noise_every": 10}
    runs = load(changed("tasks", "short", "statistics", to=own), tmp_path).runs()
    found = {run.task.name: asdict(run.statistics) for run in runs}
    assert found == {"digits": asdict(StatisticsSettings()), "short": own}


def test_options_stand_over_the_preset(tmp_path: Path) -> None:
    run = next(r for r in load(GOOD, tmp_path).runs() if r.recipe.name == "linear")
    assert run.recipe.options == {"dense": 0.1, "fine_tune": 0.3, "zero_at": 0.6}


def test_a_published_preset_follows_the_target(tmp_path: Path) -> None:
    values = changed("recipes", "linear", to={"recipe": "mdgf_linear", "preset": "published"})
    runs = [r for r in load(values, tmp_path).runs() if r.recipe.name == "linear"]
    assert {r.target: r.recipe.options["beta"] for r in runs} == {
        "1:4(FF)": 1e-3,
        "1:8(FF)+1:4(QK)": 2e-4,
    }


def test_a_task_has_training_settings_of_its_own(tmp_path: Path) -> None:
    values = changed("tasks", "short", "training", to={"steps": 7})
    found = {r.task.name: r.training.steps for r in load(values, tmp_path).runs()}
    assert found == {"digits": 20, "short": 7}


@given(st.lists(st.integers(0, 99), min_size=2, max_size=5, unique=True), st.integers(1, 6))
def test_a_further_seed_adds_to_the_last_job_of_a_task_and_changes_no_other(
    seeds: list[int], runs_per_job: int
) -> None:
    values = {**GOOD, "runs_per_job": runs_per_job}
    fewer = Experiment(**{**values, "seeds": seeds[:-1]}).jobs()
    more = Experiment(**{**values, "seeds": seeds}).jobs()
    assert all(more[name][: len(runs)] == runs for name, runs in fewer.items())
    assert sum(more[name] != runs for name, runs in fewer.items()) <= len(values["tasks"])


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("preset", ["published", "advised", "25-75"])
def test_every_recipe_can_be_planned_from_either_preset(
    recipe: str, preset: str, tmp_path: Path
) -> None:
    values = {**GOOD, "recipes": {recipe: {"preset": preset}}}
    assert all(run.make_recipe().label for run in load(values, tmp_path).runs())


BAD = [
    (("seed",), [1], "seed.*unknown key.*did you mean 'seeds'"),
    (("training", "learning_rat"), 0.1, "training.*learning_rat.*did you mean 'learning_rate'"),
    (("training", "learning_rate"), "fast", "training.*learning_rate.*'fast'"),
    (("training", "steps"), True, "training.*steps must be a whole number: True"),
    (("training", "steps"), "5", "training.*steps must be a whole number: '5'"),
    (("training", "warmup"), 1.0, "training.*warmup must be below 1"),
    (("recipes", "linear"), 3, "recipes.linear must hold keys and values: 3"),
    (("tasks",), ["digits"], "tasks must hold keys and values"),
    (("training", "learning_rate"), -0.5, "learning_rate must be positive: -0.5"),
    (("training", "accumulation"), 3, "batch_size 8 is not a multiple of accumulation 3"),
    (("tasks", "short", "trainin"), {}, "tasks.short.trainin.*did you mean 'training'"),
    (("tasks", "short", "training"), {"step": 3}, "training of short.*step.*did you mean 'steps'"),
    (("tasks", "short", "statistics"), {"ever": 5}, "statistics of short.*did you mean 'every'"),
    (("recipes", "sr_stee"), {}, "unknown recipe 'sr_stee': did you mean 'sr_ste'"),
    (("recipes", "x"), {"recipe": "mdgf"}, "unknown recipe 'mdgf': did you mean"),
    (("recipes", "linear", "optons"), {}, "recipes.linear.optons.*did you mean 'options'"),
    (("recipes", "linear", "preset"), "advise", "recipes.linear.preset.*'advise'"),
    (("recipes", "linear", "options"), {"zero": 0.5}, "linear.*zero.*did you mean 'zero_at'"),
    (("recipes", "linear", "options"), {"zero_at": "x"}, "linear.*zero_at.*'x'"),
    (("recipes", "linear", "options"), {"dense": 0.5, "fine_tune": 0.9}, "more than all"),
    (("recipes", "linear", "options"), {"gradient": "chain"}, "linear.*gradient.*chain_rule"),
    (("recipes", "sr_ste", "options"), {"lambda": 0.1}, "lambda.*did you mean 'lambda_w'"),
    (("recipes", "y"), {"recipe": "ste", "label": "SR-STE"}, "sr_ste and y.*both.*'SR-STE'"),
    (("targets",), ["4:2(FF)"], "4:2.*between 1 and M"),
    (("targets",), ["2:4(FFN)"], "'FFN': did you mean 'FF'"),
    (("targets",), ["1:4(FF)", "1:4"], r"targets: 1:4\(FF\) stands twice"),
    (("targets",), ["dense"], "targets: dense is no target"),
    (("targets",), [], "targets.*at least 1"),
    (("seeds",), [1, 2, 1], "seeds: 1 stands twice"),
    (("seeds",), [-3], "seeds.*-3"),
    (("seeds",), 3, "seeds.*list.*3"),
    (("name",), "a/b", "name.*'a/b'"),
    (("name",), "other", "name: 'other' must be the file's own, 'file'"),
    (("tasks",), {"../x": {"task": "digits_vit"}}, r"tasks.*\.\./x"),
    (("statistics",), {"evry": 5}, "statistics.evry.*did you mean 'every'"),
    (("statistics",), {"every": 4, "noise_every": 6}, "noise_every 6.*multiple of every 4"),
    (("analysis",), {"baseline": ["sr_ste"]}, "analysis.baseline.*did you mean 'baselines'"),
    (("analysis",), {"baselines": ["srste"]}, "'srste', no recipe here: did you mean 'sr_ste'"),
    (("analysis",), {"alpha": 5}, "analysis.alpha must be below 1.0: 5"),
    (
        ("analysis",),
        {"published": {"digit": {"table": "2", "model": "m", "metric": "a"}}},
        "'digit', no task here: did you mean 'digits'",
    ),
    (("runs_per_job",), 0, "runs_per_job: must be a whole number from 1, or auto: 0"),
    (("runs_per_job",), "foo", "runs_per_job: must be a whole number from 1, or auto: 'foo'"),
    (("recipes", "linear", "length"), float("inf"), ".inf is no finite number"),
    (("training", "learning_rate"), float("nan"), ".nan is no finite number"),
    (("analysis",), {"figure_targets": ["1:4(FF)"] * 2}, r"figure_targets: 1:4\(FF\) stands twice"),
    (("analysis",), {"figure_targets": list("abcd")}, "figure_targets.*must have at most 3"),
]


@pytest.mark.parametrize(("path", "value", "words"), BAD, ids=lambda v: str(v)[:40])
def test_bad_input_is_refused_in_one_sentence(
    path: tuple[str, ...], value: Any, words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load(changed(*path, to=value), tmp_path)
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "file.yaml")) and "\n" not in text and len(text) < 400


@pytest.mark.parametrize("key", ["name", "tasks", "training", "targets", "recipes", "seeds"])
def test_a_missing_key_is_named(key: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{key} is missing: add the key"):
        load({k: v for k, v in GOOD.items() if k != key}, tmp_path)


def test_more_seeds_than_the_exact_test_takes_are_refused(tmp_path: Path) -> None:
    values = {**GOOD, "seeds": list(range(41)), "analysis": {"baselines": ["sr_ste"]}}
    with pytest.raises(UserError, match="compares at most 40; there are 41"):
        load(values, tmp_path)


def test_the_analysis_hash_follows_the_rule_and_not_the_runs(tmp_path: Path) -> None:
    def hashed(**more: Any) -> str:
        return load({**GOOD, **more}, tmp_path).analysis_fingerprint()

    assert hashed(seeds=[9]) == hashed()
    assert len({hashed(), hashed(analysis={"alpha": 0.01}), hashed(targets=["1:4(FF)"])}) == 3


def test_the_analysis_hash_covers_what_pages_are_made_by() -> None:
    templates = list((ROOT / "pgf/analysis/templates").iterdir())
    assert templates and {path.suffix for path in templates if path.is_file()} <= set(SHOWN)


def test_a_missing_training_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="training of digits: learning_rate"):
        load(changed("training", to={"steps": 3, "batch_size": 4}), tmp_path)


def test_an_unknown_experiment_is_refused_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match=r"no experiment 'lapto'.*did you mean 'laptop'"):
        experiment_path("lapto")
    with pytest.raises(UserError, match=r"no config file missing\.yaml"):
        experiment_path("missing.yaml")


def test_tasks_of_the_registry_are_known() -> None:
    runs = (run for path in CONFIGS for run in as_untuned(str(path)).runs())
    assert {run.task.kind for run in runs} <= set(TASKS)


def test_a_recipe_may_have_settings_of_training_of_its_own(tmp_path: Path) -> None:
    made = load(changed("recipes", "sr_ste", to={"training": {"steps": 31}}), tmp_path)
    steps = {(run.recipe.name, run.training.steps) for run in made.runs()}
    assert steps == {("dense", 20), ("sr_ste", 31), ("linear", 20)}
    with pytest.raises(UserError, match="training of sr_ste on digits: steps"):
        load(changed("recipes", "sr_ste", to={"training": {"steps": 0}}), tmp_path)
