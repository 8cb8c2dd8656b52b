"""YAML and options turned into checked values, with one sentence for what is wrong in them."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from pgf.errors import UserError, nearest

T = TypeVar("T")
UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
WANTED = {
    "missing": "is missing: add the key",
    "missing_argument": "is missing: add the key",
    "missing_keyword_only_argument": "is missing: add the key",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "model_attributes_type": "must hold keys and values",
    "dataclass_type": "must hold keys and values",
    "list_type": "must be a list, such as [a, b]",
    "tuple_type": "must be a list, such as [a, b]",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "finite_number": "must be a finite number",
}
"""pydantic's kind of error -> this project's words for it."""


class _Loader(yaml.SafeLoader):
    """The safe loader, for what JSON can hold; keys are texts, and none stands twice.

    YAML's own rule for a key that stands twice is that the last one wins.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: list[Any] = []
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise _refusal("the merge key << is not read here: write its keys out", key)
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise _refusal(f"key {name} is no text: put it in quotes", key)
            if name in seen:
                raise _refusal(f"key '{name}' stands twice, the second time", key)
            seen.append(name)
        return super().construct_mapping(node, deep)

    def refuse(self, node: yaml.Node) -> None:
        """Refuse a value that JSON cannot hold."""
        kind = node.tag.rpartition(":")[2]
        advice = "put it in quotes" if kind == "timestamp" else "use texts, numbers and lists"
        raise _refusal(f"a value is a YAML {kind}: {advice}", node)


for _kind in ("timestamp", "binary", "set", "omap", "pairs"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.refuse)


def _refusal(text: str, node: yaml.Node) -> yaml.YAMLError:
    mark = node.start_mark
    return yaml.YAMLError(f"{text} (line {mark.line + 1}, column {mark.column + 1})")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Raises:
        UserError: it is no YAML, holds a key twice, or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: it is no UTF-8
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise UserError(f"{path} is no YAML that can be read: it is nested too deeply") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold keys and values, such as 'name: laptop'")
    return values


def validated(
    kind: type[T],
    values: Mapping[str, Any],
    where: str,
    *,
    parts: Mapping[str, type] | None = None,
) -> T:
    """Return `values` as a `kind`, all types checked.

    Args:
        kind: a pydantic model, or a dataclass.
        values: keys and values as YAML gives them.
        where: what they are of, the beginning of a message.
        parts: key -> what stands below it, so that a wrong key there finds its nearest.

    Raises:
        UserError: the first thing that is wrong, and what would be right.
    """
    if is_dataclass(kind):  # pydantic lets standard dataclasses have keys that they do not know
        known = [field.name for field in fields(kind)]
        for key in values:
            if key not in known:
                raise UserError(f"{where}: {key}: unknown key; {nearest(str(key), known)}")
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        raise UserError(_first_message(error, kind, where, parts or {})) from error


def _first_message(
    error: ValidationError, kind: type[Any], where: str, parts: Mapping[str, type]
) -> str:
    # A misspelt key is also a missing one; its own message says more.
    first = min(error.errors(), key=lambda e: e["type"] not in UNKNOWN_KEY)
    keys = [str(part) for part in first["loc"] if part != "[key]"]
    place = ": ".join(part for part in (where, ".".join(keys)) if part)
    if first["type"] in UNKNOWN_KEY:
        parents = [parts[key] for key in keys[:-1] if key in parts]
        known = (parents[-1] if parents else kind).__annotations__
        return f"{place}: unknown key; {nearest(keys[-1], known)}"
    message = _message(first)
    if "targets" in keys and first["type"] == "string_type":
        message += ', in quotes, as in "1:4(FF)"'
    if first["type"] == "value_error":
        return f"{place}: {message}" if place else message
    if first["type"].startswith("missing"):
        return f"{place} {message}"
    return f"{place} {message}: {first['input']!r}"


def _message(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in WANTED:
        return WANTED[kind]
    if kind == "greater_than_equal":
        least = context["ge"]
        return "must not be negative" if least == 0 else f"must be at least {least}"
    if kind == "greater_than":
        bound = context["gt"]
        return "must be positive" if bound == 0 else f"must be above {bound}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind == "less_than":
        return f"must be below {context['lt']}"
    if kind in ("too_short", "too_long"):
        return (
            f"must have at least {context['min_length']}" if kind == "too_short" else error["msg"]
        )
    if kind in ("literal_error", "enum"):
        return f"must be one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        return "must be letters, digits, '_', '-' and '.', without '.' in front"
    message = error["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:] if kind != "value_error" else message


def refuse_repeats(where: str, values: Sequence[Any]) -> None:
    """Check that no value stands twice.

    Raises:
        UserError: one does.
    """
    for value in values:
        if values.count(value) > 1:
            raise UserError(f"{where}: {value} stands twice")
