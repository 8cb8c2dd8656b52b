"""Length as an axis: a task with `lengths` stands for one task a length, each with its own runs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pgf.errors import UserError

LEAST_LENGTHS = 2
KEY, BASE = "lengths", "length_of"


def with_lengths(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config in which every task with `lengths` is replaced by one task a length.

    `lm` with lengths [300, 600] becomes `lm_300` and `lm_600`, whose `length_of` is `lm`.

    Args:
        values: a config as its YAML file has it; what is no config is left for others to refuse.

    Raises:
        UserError: lengths are not rising numbers of steps, or something else fixes the steps.
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
    lengths, training = _checked(name, entry[KEY]), dict(entry.get("training") or {})
    if "steps" in training:
        raise UserError(f"tasks.{name}: training.steps and {KEY} exclude each other")
    recipes = entry.get("recipes") or list(values.get("recipes") or {})
    for recipe in recipes:
        own = (values.get("recipes") or {}).get(recipe)
        if isinstance(own, dict) and "steps" in (own.get("training") or {}):
            raise UserError(
                f"tasks.{name}.{KEY}: the recipe '{recipe}' has training.steps of its own, the "
                "same for every length: leave it out of the task's recipes"
            )
    rest = {key: value for key, value in entry.items() if key != KEY}
    return {
        f"{name}_{steps}": {
            **rest,
            "task": entry.get("task") or name,
            "training": {**training, "steps": steps},
            BASE: name,
        }
        for steps in lengths
    }


def _checked(name: str, lengths: Any) -> list[int]:
    where = f"tasks.{name}.{KEY}: {lengths}"
    is_list = isinstance(lengths, list) and all(type(n) is int and n > 0 for n in lengths)
    if not is_list or len(lengths) < LEAST_LENGTHS:
        raise UserError(f"{where}: at least {LEAST_LENGTHS} numbers of steps, as in [300, 600]")
    if sorted(set(lengths)) != lengths:
        raise UserError(f"{where}: each must be larger than the one before")
    return lengths
