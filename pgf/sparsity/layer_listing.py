"""The layers of a model in words: alike ones together, and why a target does not go with them."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pgf.recipes import GROUPS, ROLES, NMPattern, Target
from pgf.sparsity.layers import ModelLayers, OtherLayer
from pgf.sparsity.roles import NO_RULE

MOST_KINDS = 8
"""Kinds of layers that a message lists before it says how many more there are."""


class Kind(NamedTuple):
    """Layers that are called the same and have the same number of inputs."""

    label: str
    width: int
    names: list[str]

    def __str__(self) -> str:
        more = f" and {len(self.names) - 1} more" if len(self.names) > 1 else ""
        inputs = "input" if self.width == 1 else "inputs"
        count = len(self.names)
        return f"{count} x {self.label} of {self.width} {inputs} ({self.names[0]}{more})"


def alike(layers: Iterable[tuple[str, int, str]]) -> list[Kind]:
    """Put (label, width, name) with the same label and width together, in their order."""
    kinds: dict[tuple[str, int], Kind] = {}
    for label, width, name in layers:
        kinds.setdefault((label, width), Kind(label, width, [])).names.append(name)
    return list(kinds.values())


def join(kinds: Sequence[Kind], *, most: int = MOST_KINDS) -> str:
    """Return kinds as a list in a sentence, cut to a readable number."""
    return ", ".join(map(str, kinds[:most])) + _and_more(len(kinds) - most)


def _and_more(count: int) -> str:
    return f", and {count} more kind{'s' * (count > 1)}" if count > 0 else ""


def fitting_pattern(pattern: NMPattern, widths: Iterable[int]) -> NMPattern | None:
    """Return the pattern nearest to this one that fits all widths, None where only M = 1 would.

    Of the same density if there is one, otherwise N of the largest M below, a power of two where
    this M is one.
    """
    common = math.gcd(*widths)
    groups = [m for m in range(2, common + 1) if common % m == 0]
    same = [m for m in groups if m * pattern.n % pattern.m == 0]
    if same:
        m = min(same, key=lambda m: abs(math.log(m / pattern.m)))
        return NMPattern(m * pattern.n // pattern.m, m)
    smaller = [m for m in groups if pattern.n < m < pattern.m]
    if _is_power_of_two(pattern.m):
        smaller = [m for m in smaller if _is_power_of_two(m)] or smaller
    return NMPattern(pattern.n, max(smaller)) if smaller else None


def _is_power_of_two(m: int) -> bool:
    return m & (m - 1) == 0


def why_misfit(layers: ModelLayers, target: Target) -> str:
    """Return why a target cannot be put on a model, in one sentence; nothing where it can."""
    problems = (_untold(layers, target), _missing(layers, target), _misfits(layers, target))
    return next(filter(None, problems), "")


def _untold(layers: ModelLayers, target: Target) -> str:
    roles = {role for group, _ in target.parts for role in GROUPS[group]}
    blocked = [other for other in layers.others if roles & set(other.roles)]
    if not blocked:
        return ""
    wanted = roles & {role for other in blocked for role in other.roles}
    names = ", ".join(role for role in ROLES if role in wanted)
    kinds = join(alike((type(o.module).__name__, o.width, o.name) for o in blocked))
    reasons = "; ".join(dict.fromkeys(other.reason for other in blocked))
    return f"{names} cannot be told in {kinds}: {reasons}; {_how_to_name(min(wanted), blocked)}"


def _missing(layers: ModelLayers, target: Target) -> str:
    counts = {role: sum(x.role == role for x in layers.prunable) for role in ROLES}
    lacking = [r for group, _ in target.parts for r in GROUPS[group] if not counts[r]]
    if not lacking:
        return ""
    has = ", ".join(f"{r} ({n})" for r, n in counts.items() if n) or "none that is known"
    unnamed = [other for other in layers.others if other.reason == NO_RULE]
    rest = [other for other in layers.others if other.reason != NO_RULE]
    weights = {
        x.module_name: (name_pattern(x.module, x.module_name), x.width) for x in layers.prunable
    }
    seen = [(name_pattern(x.module, x.name), x.width, x.name) for x in [*unnamed, *rest]]
    seen[len(unnamed) : len(unnamed)] = [(*kind, name) for name, kind in weights.items()]
    return (
        f"the model has no layer of group {lacking[0]}; it has {has}; its layers: "
        f"{join(alike(seen)) or 'none'}; {_how_to_name(lacking[0], unnamed)}"
    )


def name_pattern(module: object, name: str) -> str:
    """Return a module's class, and its name with `*` for numbers."""
    return f"{type(module).__name__} {re.sub(r'[0-9]+', '*', name)}"


def _how_to_name(role: str, others: Sequence[OtherLayer]) -> str:
    """Return how the task's options name a group, with the first of some layers as the example."""
    expression = "regular expression"
    if others:
        expression = re.sub(r"[0-9]+", r"\\d+", others[0].name.replace(".", r"\.")) + "$"
    return (
        f"name layers in place of the built-in rules: groups={{'{role}': ['{expression}']}} in a "
        f"call, groups: {{{role}: ['{expression}']}} in a task's options"
    )


def _misfits(layers: ModelLayers, target: Target) -> str:
    parts = [text for text in (misfit(layers, g, p) for g, p in target.parts) if text]
    return "; ".join(parts)


def misfit(layers: ModelLayers, group: str, pattern: NMPattern) -> str:
    """Return which layers of a group a pattern does not fit and what would; nothing if it fits."""
    own = [layer for layer in layers.prunable if layer.role in GROUPS[group]]
    bad = [layer for layer in own if not pattern.fits(layer.width)]
    if not bad:
        return ""
    kinds = join(alike((layer.role, layer.width, layer.name) for layer in bad))
    fitting = fitting_pattern(pattern, (layer.width for layer in own))
    would = f"{fitting} would fit all" if fitting else "no pattern fits all of their widths"
    fits = f"{len(own) - len(bad)} of {len(own)}" if len(bad) < len(own) else f"none of {len(own)}"
    return (
        f"{pattern} fits {fits} {group} layers; groups of {pattern.m} do not divide {kinds}; "
        f"{would}"
    )


def role_lines(layers: ModelLayers) -> list[str]:
    """Return a line per role that a model has: its widths, each with count and an example.

    Q, K and V of the same widths share a line.
    """
    lines: dict[tuple[str, ...], list[str]] = {}
    examples: dict[str, str] = {}
    for role in ROLES:
        kinds = alike((x.role, x.width, x.name) for x in layers.prunable if x.role == role)
        kinds.sort(key=lambda kind: kind.width)
        counts = tuple(f"{len(kind.names)} with {kind.width} inputs" for kind in kinds)
        first = [f"{n} ({kind.names[0]})" for n, kind in zip(counts, kinds, strict=True)]
        if kinds:
            count = sum(len(k.names) for k in kinds)
            examples[role] = f"{count} layer{'s' * (count > 1)}: {', '.join(first)}"
            lines.setdefault(counts if role in "QKV" else (role,), []).append(role)
    return [f"{', '.join(roles):<8}{examples[roles[0]]}" for roles in lines.values()]


def dense_lines(layers: ModelLayers) -> list[str]:
    """Return a line per reason why layers stay dense, alike ones together."""
    reasons: dict[str, list[tuple[str, int, str]]] = {}
    for other in layers.others:
        reason = "/".join(other.roles) + f" untold: {other.reason}" if other.roles else other.reason
        reasons.setdefault(reason, []).append(
            (name_pattern(other.module, other.name), 0, other.name)
        )
    lines = []
    for reason, found in reasons.items():
        kinds = alike(found)
        names = [f"{len(kind.names)} x {kind.label}" for kind in kinds[:MOST_KINDS]]
        more = _and_more(len(kinds) - MOST_KINDS)
        lines.append(f"dense, {reason}: {', '.join(names)}{more}")
    return lines


def fit_line(layers: ModelLayers, target: Target) -> str:
    """Return whether a target can be put on a model, group by group."""
    problem = _untold(layers, target) or _missing(layers, target)
    if problem:
        return f"{target.label}: {problem}"
    parts = []
    for group, pattern in target.parts:
        count = sum(layer.role in GROUPS[group] for layer in layers.prunable)
        parts.append(
            misfit(layers, group, pattern) or f"{pattern} fits {count} of {count} {group} layers"
        )
    return f"{target.label}: {'; '.join(parts)}"
