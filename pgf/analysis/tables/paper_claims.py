"""The paper's claims, read from one YAML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pgf.errors import UserError, nearest

REQUIRED = ("id", "text", "source", "kind", "recipes")
ALWAYS_OPTIONAL = ("metrics", "spans", "groups")
OPTIONAL: dict[str, tuple[str, ...]] = {
    "better": ("controls", "min_sparsity", "max_sparsity", "control_target", "equal_flops"),
    "as_good": ("controls", "min_sparsity", "max_sparsity", "control_target"),
    "lower_statistic": ("controls", "min_sparsity", "max_sparsity", "statistic", "phase"),
    "falling_statistic": ("min_sparsity", "max_sparsity", "statistic"),
}
"""Kind of claim -> the parameters it takes."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim, which speaks of columns by their roles; it holds at every target in its scope."""

    id: str
    text: str
    """The paper's statement, in this project's words."""
    source: str
    """Place of the statement in the paper."""
    kind: str
    recipes: tuple[str, ...]
    """Roles that the claim is about; each gets its own verdict."""
    controls: tuple[str, ...] = ("",)
    """Roles that they are compared with; empty for a claim about a recipe alone."""
    metrics: tuple[str, ...] = ()
    """Metrics of the tasks that the claim is about; empty for all tasks."""
    groups: tuple[str, ...] = ()
    """Layer groups that a target in scope prunes, and no other; empty where any will do."""
    statistic: str = ""
    phase: str = "whole"
    min_sparsity: float = 0.0
    """Least share of pruned weights, of the pruned layers, of a target in scope."""
    max_sparsity: float = 1.0
    spans: tuple[float, ...] = ()
    """Two sparsities: among the targets in scope must be one up to the first, one from the second
    on. Empty where any target in scope will do."""
    control_target: str = ""
    """Target of the control, where it is another one."""
    equal_flops: bool = False
    """True if recipe and control must have spent the same training FLOPs."""


def load_claims(path: Path) -> tuple[Claim, ...]:
    """Read the claims.

    Raises:
        UserError: the file is not there, or a claim lacks a key, has an unknown one or the id of
            another.
    """
    if not path.exists():
        raise UserError(f"{path} with the paper's claims is not there")
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML ({error})") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path} must hold a list of claims")
    claims = tuple(_claim(entry, path) for entry in entries)
    ids = [claim.id for claim in claims]
    for name in ids:
        if ids.count(name) > 1:
            raise UserError(f"{path} has two claims with the id '{name}'")
    return claims


def _claim(entry: Mapping[str, Any], path: Path) -> Claim:
    name = entry.get("id", "?")
    for key in REQUIRED:
        if key not in entry:
            raise UserError(f"{path}: claim '{name}' lacks '{key}'")
    kind = entry["kind"]
    if kind not in OPTIONAL:
        raise UserError(f"{path}: claim '{name}' has the kind '{kind}': {nearest(kind, OPTIONAL)}")
    for key in entry:
        known = (*REQUIRED, *ALWAYS_OPTIONAL, *OPTIONAL[kind])
        if key not in known:
            raise UserError(f"{path}: claim '{name}' has the key '{key}': {nearest(key, known)}")
    lists = {
        key: tuple(entry[key])
        for key in ("recipes", "controls", "metrics", "spans", "groups")
        if key in entry
    }
    texts = {key: " ".join(str(entry[key]).split()) for key in ("text", "source")}
    return Claim(**{**entry, **texts, **lists})
