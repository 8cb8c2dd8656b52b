"""Submissions: somebody's recipe with its own runs of an experiment, to stand on its leaderboard.

A submission is a folder: one recipe file, a config that is the experiment's but for its one column,
the tuned settings, and the records. `prepare` makes the first two, `take_in` the others;
`submission_checks.py` checks all of it.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from pgf.errors import UserError
from pgf.experiments import (
    Experiment,
    experiment_path,
    load_experiment,
    read_yaml,
    selection_path,
)
from pgf.records import RUNS_FILE

SUBMISSIONS = Path("results/submissions")
ABOUT = "submission.yaml"
RECIPE = "recipe.py"
SELECTION = "selection.yaml"
FILES = (RUNS_FILE, "curves.parquet", "checksums.json")
NAME = re.compile(r"[a-z][a-z0-9_]*")
SAME = ("tasks", "training", "targets", "seeds", "statistics", "tuning")
"""Keys of the config in which a submission does not differ from its experiment."""


def prepare(experiment: str, recipe: str, *, name: str, by: str) -> Path:
    """Write the folder of a submission: recipe, config and whose it is; return the config.

    Args:
        experiment: name of the experiment whose leaderboard it is for.
        recipe: `path/to/file.py:Class`.
        name: of the submission and of its column.
        by: who submits it.

    Raises:
        UserError: the recipe is not in a file, or the name is taken or no plain word.
    """
    file, _, class_name = recipe.rpartition(":")
    if not file.endswith(".py") or not Path(file).is_file():
        raise UserError(f"{recipe}: a submission is one file, path/to/file.py:Class")
    if not NAME.fullmatch(name):
        raise UserError(f"name '{name}': small letters, digits and _ make a name")
    base = load_experiment(experiment, tuned=False)
    folder = SUBMISSIONS / name
    taken = (Path(f"configs/{name}.yaml"), selection_path(name), Path(f"results/{name}"), folder)
    if name in base.recipes or any(path.exists() for path in taken):
        raise UserError(
            f"the name '{name}' is taken by a column, an experiment or a submission; take another"
        )
    values = read_yaml(experiment_path(experiment))
    analysis = {k: v for k, v in (values.get("analysis") or {}).items() if k != "baselines"}
    values |= {
        "name": name,
        "recipes": {name: {"recipe": f"{RECIPE}:{class_name}"}},
        "analysis": analysis,
        "evidence": False,
    }
    values["tasks"] = {task: _without_recipes(entry) for task, entry in values["tasks"].items()}
    made = folder.with_name(f".{name}.made")  # a submission is there as a whole or not at all
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        shutil.copyfile(file, made / RECIPE)
        text = yaml.safe_dump(values, sort_keys=False)
        (made / f"{name}.yaml").write_text(text, encoding="utf-8")
        about = yaml.safe_dump({"by": by, "experiment": base.name}, sort_keys=False)
        (made / ABOUT).write_text(about, encoding="utf-8")
        load_experiment(str(made / f"{name}.yaml"), tuned=False)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder / f"{name}.yaml"


def _without_recipes(entry: dict[str, Any] | None) -> dict[str, Any]:
    """Return a task's entry without its list of columns, which a submission's is not among."""
    return {key: value for key, value in (entry or {}).items() if key != "recipes"}


def check_same(experiment: str, recipe: str, *, folder: Path, by: str) -> None:
    """Check that a submission which is there already is the one that is asked for.

    Raises:
        UserError: its experiment, its recipe or whose it is differs, or a file of it is missing.
    """
    own = (ABOUT, RECIPE, f"{folder.name}.yaml")
    if missing := [name for name in own if not (folder / name).is_file()]:
        raise UserError(f"{folder} lacks {', '.join(missing)}: delete it, and submit again")
    file, _, class_name = recipe.rpartition(":")
    about = {"by": by, "experiment": load_experiment(experiment, tuned=False).name}
    config = read_yaml(folder / f"{folder.name}.yaml")
    recipes = config.get("recipes")
    column = recipes.get(folder.name) if isinstance(recipes, dict) else None
    kept = column.get("recipe") if isinstance(column, dict) else None
    same_file = Path(file).is_file() and Path(file).read_bytes() == (folder / RECIPE).read_bytes()
    if read_yaml(folder / ABOUT) != about or kept != f"{RECIPE}:{class_name}" or not same_file:
        raise UserError(
            f"{folder} is a submission of another recipe, experiment or person: delete it, or take "
            "another name"
        )


def take_in(folder: Path, results: Path) -> None:
    """Copy a submission's tuned settings and collected runs into its folder."""
    if selection_path(folder.name).exists():  # not where the experiment is not tuned
        shutil.copyfile(selection_path(folder.name), folder / SELECTION)
    for name in FILES:
        shutil.copyfile(results / folder.name / name, folder / name)


def base_of(folder: Path) -> str:
    """Return the name of the experiment that a submission is for.

    Raises:
        UserError: the folder holds no submission, or its `submission.yaml` is of another form.
    """
    if not (folder / ABOUT).is_file():
        raise UserError(f"{folder} holds no {ABOUT}: pgf submit makes a submission")
    about = read_yaml(folder / ABOUT)
    if set(about) != {"by", "experiment"} or not all(isinstance(v, str) for v in about.values()):
        raise UserError(f"{folder / ABOUT}: it must have the keys by and experiment, both texts")
    return str(about["experiment"])


def submission_for(folder: Path, base: Experiment) -> Experiment:
    """Return the config of a submission for an experiment.

    Raises:
        UserError: it is for another experiment, or differs from this one in more than its column.
    """
    if (name := base_of(folder)) != base.name:
        raise UserError(f"{folder} is a submission for {name}, not for {base.name}")
    own = load_experiment(str(folder / f"{folder.name}.yaml"))
    if problem := other_keys(base, own) or other_column(base, own):
        raise UserError(f"{folder}: {problem}")
    return own


def other_column(base: Experiment, own: Experiment) -> str | None:
    """Return what is wrong with the column of a submission."""
    if list(own.recipes) != [own.name] or own.name in base.recipes:
        return f"its one column must be called {own.name}, as none of {base.name}'s is"
    ((_, label),) = own.columns()
    if label in dict(base.columns()).values():
        return f"its column is labeled '{label}', as one of {base.name}'s is"
    entry = own.recipes[own.name]
    if entry.training or entry.length:
        return "its column has training settings of its own"
    return None


def other_keys(base: Experiment, own: Experiment) -> str | None:
    """Return in which keys a submission's config differs from its experiment's."""
    mine, others = (one.model_dump(mode="json", include=set(SAME)) for one in (own, base))
    for one in (mine, others):
        one["tasks"] = {task: _without_recipes(entry) for task, entry in one["tasks"].items()}
    differing = [key for key in SAME if mine[key] != others[key]]
    return f"{', '.join(differing)} differ from {base.name}'s" if differing else None
