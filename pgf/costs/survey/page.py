"""The page of the survey, in Markdown."""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from pgf.costs.survey.libraries import MOST_LAYERS
from pgf.costs.survey.rows import STATUSES, SurveyedModel
from pgf.recipes import ROLES

MOST_FAMILIES = 6
"""Families that a line names before it says how many more there are."""


def page(rows: Sequence[SurveyedModel]) -> str:
    """Return the survey for people, as Markdown."""
    libraries = list(dict.fromkeys(row.library for row in rows))
    counted = [
        f"{sum(r.library == own for r in rows)} of {own} {version(own)}" for own in libraries
    ]
    parts = [
        "# Layer groups in models",
        f"{' and '.join(counted)} models, built without weights and read by the rules of "
        f"[`pgf/sparsity/roles.py`](../../../pgf/sparsity/roles.py). A family of timm is the file "
        f"that defines it; one of transformers is a model type, built by its default config with "
        f"at most {MOST_LAYERS} layers of a kind. Written by `pgf models --write`.",
        survey_summary(rows),
        "## Refusals",
        "A target with a role that cannot be told is refused before any training, and the message "
        "names the layers. The other roles of the model can be pruned, and `groups` can give such "
        "a layer to one role, whole.",
        *(_refusals(rows) or ["None."]),
        "## Layers that no rule names",
        "They stay dense, and `pgf.inspect` names them. `groups` prunes them nevertheless.",
        _list((label, row) for row in rows for label in row.unnamed),
    ]
    for library in libraries:
        own = [row for row in rows if row.library == library]
        parts += [f"## Families of {library}", _families(own)]
    return "\n\n".join([*parts, "`?`: the group is there, and refused."]) + "\n"


def survey_summary(rows: Sequence[SurveyedModel]) -> str:
    """Return how many models of each library have each status, as a Markdown table."""
    counts = Counter((row.library, row.status) for row in rows)
    libraries = list(dict.fromkeys(row.library for row in rows))
    lines = [
        f"| {' | '.join(str(counts[own, s]) for own in libraries)} | {s} | {meaning} |"
        for s, meaning in STATUSES.items()
    ]
    head = [
        f"| {' | '.join(libraries)} | status | |",
        "| " + "---: | " * len(libraries) + "--- | --- |",
    ]
    return "\n".join([*head, *lines])


def _refusals(rows: Sequence[SurveyedModel]) -> list[str]:
    """Return a paragraph per reason: what is refused, why, and in which models."""
    reasons = dict.fromkeys(refusal for row in rows for refusal in row.refusals)
    parts = []
    for roles, reason in reasons:
        models = [row for row in rows if (roles, reason) in row.refusals]
        count = f"{len(models)} model{'s' * (len(models) > 1)}"
        parts.append(f"**{roles}** of {count} cannot be told: {reason}. {_names(models)}.")
    for row in rows:
        if row.error:
            parts.append(f"**{row.model}** is not built: {row.error}")
        elif not row.layers and not row.refusals:
            parts.append(f"**{row.model}**: no layer has a name that tells its group")
    return parts


def _names(rows: Sequence[SurveyedModel]) -> str:
    """Return the families of models, each with how many models where there are several."""
    counts = Counter(row.family for row in rows)
    return ", ".join(f"{own} ({n} models)" if n > 1 else own for own, n in counts.items())


def _list(found: Iterable[tuple[str, SurveyedModel]]) -> str:
    families: dict[str, dict[str, None]] = {}
    for label, row in found:
        families.setdefault(label, {})[row.family] = None
    lines = []
    for label, own in families.items():
        more = f" and {len(own) - MOST_FAMILIES} more" if len(own) > MOST_FAMILIES else ""
        lines.append(f"- `{label}`: {', '.join(list(own)[:MOST_FAMILIES])}{more}")
    return "\n".join(lines) or "None."


def _families(rows: Sequence[SurveyedModel]) -> str:
    """Return a row per family: how many models have each status, and the layers of the first."""
    statuses = list(STATUSES)
    lines = [
        f"| family | {' | '.join(statuses)} | first | {' | '.join(ROLES)} |",
        "| --- |" + " ---: |" * len(statuses) + " --- |" + " ---: |" * len(ROLES),
    ]
    for family in dict.fromkeys(row.family for row in rows):
        own = [row for row in rows if row.family == family]
        counts = Counter(row.status for row in own)
        refused = {role for roles, _ in own[0].refusals for role in roles.split(", ")}
        cells = ["?" if r in refused else str(own[0].layers.get(r, "")) for r in ROLES]
        numbers = [str(counts[status] or "") for status in statuses]
        lines.append(f"| {' | '.join([family, *numbers, own[0].model, *cells])} |")
    return "\n".join(lines)
