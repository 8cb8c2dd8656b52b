"""Options turned into checked values, with one sentence for what is wrong in them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

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
            f"must have at least {context['min_length']}"
            if kind == "too_short"
            else f"must have at most {context['max_length']}"
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
