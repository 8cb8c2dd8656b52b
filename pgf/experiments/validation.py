"""From YAML to checked values, with one sentence for what is wrong in it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from pgf.errors import UserError, nearest


class _UniqueKeyLoader(yaml.SafeLoader):
    """The safe loader, refusing a key that stands twice (YAML's own rule is: the last one wins)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"key '{key}' stands twice, {node.start_mark}")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Raises:
        UserError: it is no YAML, holds a key twice, or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold keys and values, such as 'name: laptop'")
    return values


def validated(
    kind: type[Any],
    values: dict[str, Any],
    where: str,
    *,
    parts: Mapping[str, type] | None = None,
) -> Any:
    """Return `values` as a `kind`, all types checked.

    Args:
        kind: a pydantic model, or a dataclass.
        values: keys and values as YAML gives them.
        where: what they are of, the beginning of a message.
        parts: key -> what stands below it, so that a wrong key there finds its nearest.

    Raises:
        UserError: the first thing that is wrong, and what would be right.
    """
    if is_dataclass(kind):  # which pydantic lets have keys it does not know, unlike a model
        known = [field.name for field in fields(kind)]
        for key in values:
            if key not in known:
                raise UserError(f"{where}: {key}: unknown key; {nearest(key, known)}")
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise UserError(_first_message(error, kind, where, parts or {})) from error


def _first_message(
    error: ValidationError, kind: type[Any], where: str, parts: Mapping[str, type]
) -> str:
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"]]
    place = ": ".join(part for part in (where, ".".join(keys)) if part)
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        parents = [parts[key] for key in keys[:-1] if key in parts]
        known = (parents[-1] if parents else kind).__annotations__
        return f"{place}: unknown key; {nearest(keys[-1], known)}"
    message = first["msg"].removeprefix("Value error, ")
    if "targets" in keys and first["type"] == "string_type":
        message += ', in quotes: "1:4(FF)"'
    given = "" if first["type"] in ("missing", "value_error") else f" (given: {first['input']!r})"
    return f"{place}: {message}{given}" if place else f"{message}{given}"


def refuse_repeats(where: str, values: Sequence[Any]) -> None:
    """Check that no value stands twice.

    Raises:
        UserError: one does.
    """
    for value in values:
        if values.count(value) > 1:
            raise UserError(f"{where}: {value} stands twice")
