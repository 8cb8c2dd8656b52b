"""YAML files read as what JSON can hold, with one sentence for what is wrong in them."""

import json
import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from pgf.errors import UserError

TAG = "tag:yaml.org,2002:"
NOT_JSON = ("timestamp", "binary", "set", "omap", "pairs")
"""Kinds of YAML values that JSON has not."""


class _RefusedError(yaml.YAMLError):
    """A YAML file holds what is not read here."""

    def __init__(self, text: str, node: yaml.Node) -> None:
        mark = node.start_mark
        super().__init__(f"line {mark.line + 1}, column {mark.column + 1}: {text}")


class _Loader(yaml.SafeLoader):
    """The safe loader, for what JSON can hold; keys are texts, and none stands twice.

    YAML's own rule for a key that stands twice is that the last one wins.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: list[Any] = []
        for key, _ in node.value:
            if key.tag == f"{TAG}merge":
                raise _RefusedError("the merge key << is not read here: write its keys out", key)
            if not isinstance(key, yaml.ScalarNode):
                raise _RefusedError("a key is a list or a mapping: keys must be texts", key)
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise _RefusedError(f"key {key.value} is no text: put it in quotes", key)
            if name in seen:
                raise _RefusedError(f"key '{name}' stands twice", key)
            seen.append(name)
        return super().construct_mapping(node, deep)

    def finite(self, node: yaml.ScalarNode) -> float:
        """Return a number, which must be finite."""
        number = float(self.construct_yaml_float(node))
        if not math.isfinite(number):
            raise _RefusedError(f"{node.value} is no finite number", node)
        return number

    def refuse(self, node: yaml.Node) -> None:
        """Refuse a value that JSON cannot hold."""
        kind = node.tag.removeprefix(TAG)
        advice = "put it in quotes" if kind == "timestamp" else "use texts, numbers and lists"
        raise _RefusedError(f"a value is a YAML {kind}: {advice}", node)


_Loader.add_constructor(f"{TAG}float", _Loader.finite)
for _kind in NOT_JSON:
    _Loader.add_constructor(f"{TAG}{_kind}", _Loader.refuse)


def read_yaml(path: Path, *, foreign: bool = False) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Args:
        path: the file.
        foreign: whether another program reads the file too (a Snakemake profile), which then
            may hold whatever YAML's safe loader takes.

    Raises:
        UserError: it is no YAML, holds a key twice or what JSON cannot hold, or is no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text) if foreign else yaml.load(text, Loader=_Loader)
        if not foreign:
            json.dumps(values)  # an anchor may hold itself
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except _RefusedError as error:
        raise UserError(f"{path}: {error}") from error
    # ValueError: bytes that are no UTF-8, a number such as 0x_. KeyError: !!bool of another text.
    except (yaml.YAMLError, ValueError, KeyError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise UserError(f"{path} is no YAML that can be read: it is nested too deeply") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold keys and values, such as 'name: laptop'")
    return values
