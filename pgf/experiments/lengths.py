"""Length as an axis: a task with `lengths` stands for one task a length, each with its own runs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pgf.errors import UserError

LEAST_LENGTHS = 2
KEY, BASE = "lengths", "length_of"


def with_lengths(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config in which every task with `lengths` is replaced by one task a length.

    `lm` with lengths [300, 600] becomes `lm_300` and `lm_600`, whose `length_of` is `lm`. What else
    is wrong in the config is left for its types to refuse.

    Args:
        values: a config as its YAML file has it.

    Raises:
        UserError: lengths are not rising numbers of steps, something else fixes the steps, or a
            length has another task's name or the paper's set-up.
    """
    tasks = values.get("tasks")
    if not isinstance(tasks, dict):
        return dict(values)
    expanded: dict[str, Any] = {}
    for name, entry in tasks.items():
        own = _own_tasks(values, str(name), entry)
        if twice := [task for task in own if task in expanded or (task != name and task in tasks)]:
            raise UserError(f"tasks.{name}.{KEY}: '{twice[0]}' is another task's name; rename one")
        expanded |= own
    return {**values, "tasks": expanded}


def longest(tasks: Iterable[str], families: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tasks without the shorter ones of any family; a family rises in length."""
    shorter = {task for family in families.values() for task in family[:-1]}
    return [task for task in tasks if task not in shorter]


def _own_tasks(values: Mapping[str, Any], name: str, entry: Any) -> dict[str, Any]:
    """Return the tasks that one entry stands for."""
    if not isinstance(entry, dict) or entry.get(KEY) is None:
        return {name: entry}
    if BASE in entry:
        raise UserError(f"tasks.{name}: {KEY} sets {BASE}; leave it out")
    lengths, training = _checked(name, entry[KEY]), entry.get("training")
    if "steps" in _mapping(training):
        raise UserError(f"tasks.{name}: training.steps and {KEY} exclude each other")
    _refuse_steps_of_recipes(values, name, entry)
    _refuse_papers_setup(values, name, lengths)
    rest = {key: value for key, value in entry.items() if key != KEY}
    is_mapping = training is None or isinstance(training, dict)
    return {
        f"{name}_{steps}": {
            **rest,
            "task": entry.get("task") or name,
            "training": {**_mapping(training), "steps": steps} if is_mapping else training,
            BASE: name,
        }
        for steps in lengths
    }


def _refuse_steps_of_recipes(values: Mapping[str, Any], name: str, entry: Any) -> None:
    recipes = _mapping(values.get("recipes"))
    named = entry.get("recipes")
    for recipe in named if isinstance(named, list) else recipes:
        own = _mapping(recipes.get(recipe) if isinstance(recipe, str) else None)
        if "steps" in _mapping(own.get("training")):
            raise UserError(
                f"tasks.{name}.{KEY}: the recipe '{recipe}' has training.steps, the same for every "
                "length: give it length, a factor of the task's steps"
            )


def _refuse_papers_setup(values: Mapping[str, Any], name: str, lengths: Sequence[int]) -> None:
    """Refuse lengths of a task that is compared with the paper, whose length is one."""
    analysis = _mapping(values.get("analysis"))
    named = {*_mapping(analysis.get("published")), *_names(analysis.get("same_setup"))}
    if named & {name, *(f"{name}_{steps}" for steps in lengths)}:
        raise UserError(
            f"tasks.{name}.{KEY}: the task is named in analysis.published or same_setup, and the "
            "paper has one length; leave one of the two out"
        )


def _mapping(value: Any) -> dict[Any, Any]:
    """Return a part of a config that holds keys and values; empty for anything else."""
    return value if isinstance(value, dict) else {}


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _checked(name: str, lengths: Any) -> list[int]:
    where = f"tasks.{name}.{KEY}: {lengths}"
    is_list = isinstance(lengths, list) and all(type(n) is int and n > 0 for n in lengths)
    if not is_list or len(lengths) < LEAST_LENGTHS:
        raise UserError(f"{where}: at least {LEAST_LENGTHS} numbers of steps, as in [300, 600]")
    if sorted(set(lengths)) != lengths:
        raise UserError(f"{where}: each must be larger than the one before")
    return lengths
