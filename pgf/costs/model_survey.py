"""A survey of timm's models: the layer groups that the rules tell in each."""

import csv
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import timm
import torch

from pgf.errors import UserError, nearest
from pgf.recipes import ROLES
from pgf.sparsity import NO_RULE, ModelLayers, alike, name_pattern, read_layers

SURVEY_FOLDER = "timm_models"
SECONDS_BETWEEN_LINES = 10.0
STATUSES = {
    "told": "every group that it has is told",
    "partly": "some groups are told, a target with one of the others is refused",
    "refused": "no group is told; layers have to be named",
    "not built": "timm cannot build it here",
}


@dataclass(frozen=True)
class SurveyedModel:
    """The layer groups of one model."""

    model: str
    family: str
    parameters: int = 0
    layers: dict[str, int] = field(default_factory=dict)
    """Role -> number of layers."""
    widths: dict[str, list[int]] = field(default_factory=dict)
    """Role -> its distinct numbers of inputs, ascending."""
    refusals: tuple[tuple[str, str], ...] = ()
    """Roles that cannot be told, such as `Q, K, V`, and why, in words."""
    unnamed: tuple[str, ...] = ()
    """Layers that no rule names: class, and name with `*` for numbers."""
    error: str = ""
    """Reason why the model cannot be built."""

    @property
    def status(self) -> str:
        """One of `STATUSES`."""
        if self.error:
            return "not built"
        if not self.layers:
            return "refused"
        return "partly" if self.refusals else "told"

    @property
    def reason(self) -> str:
        """Everything that is refused, in a line."""
        return self.error or "; ".join(f"{roles}: {reason}" for roles, reason in self.refusals)


def choose_models(names: Sequence[str], *, every: bool = False) -> list[str]:
    """Return models by name, all of timm's, or the first of every family in alphabetical order.

    Raises:
        UserError: timm has no model of a name.
    """
    known = timm.list_models()
    for name in names:
        if name not in known:
            raise UserError(f"timm has no model '{name}': {nearest(name, known)}")
    if names or every:
        return list(names) or known
    return [timm.list_models(module=family)[0] for family in timm.list_modules()]


def look_at(name: str) -> SurveyedModel:
    """Build a model without memory for its weights and read its layers."""
    family = str(timm.model_entrypoint(name).__module__).rpartition(".")[2]
    try:
        with torch.device("meta"):
            model = timm.create_model(name)
        layers = read_layers(model)
    except Exception as error:  # whatever one of a thousand models raises is a row of the table
        text = " ".join(str(error).split())
        return SurveyedModel(name, family, error=f"{type(error).__name__}: {text}")
    return _row(name, family, sum(p.numel() for p in model.parameters()), layers)


def _row(name: str, family: str, parameters: int, layers: ModelLayers) -> SurveyedModel:
    counts = Counter(layer.role for layer in layers.prunable)
    unnamed = alike(
        (name_pattern(other.module, other.name), 0, other.name)
        for other in layers.others
        if other.reason == NO_RULE
    )
    return SurveyedModel(
        name,
        family,
        parameters,
        {role: counts[role] for role in ROLES if counts[role]},
        {
            role: sorted({layer.width for layer in layers.prunable if layer.role == role})
            for role in ROLES
            if counts[role]
        },
        tuple(dict.fromkeys((", ".join(o.roles), o.reason) for o in layers.others if o.roles)),
        tuple(kind.label for kind in unnamed),
    )


def survey_models(names: Sequence[str]) -> list[SurveyedModel]:
    """Look at models one after the other, with a line about the progress now and then."""
    rows = []
    last = time.monotonic()
    for name in names:
        rows.append(look_at(name))
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            with suppress(BrokenPipeError):
                print(f"[{len(rows)}/{len(names)}] {name}", file=sys.stderr, flush=True)
    return rows


def write_survey(rows: Sequence[SurveyedModel], folder: Path) -> None:
    """Write models.csv and models.md."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "models.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ["model", "family", "parameters", "status", *ROLES, "widths", "refused", "unnamed"]
        )
        for row in rows:
            counts = [row.layers.get(role, 0) for role in ROLES]
            widths = "; ".join(f"{r} {' '.join(map(str, w))}" for r, w in row.widths.items())
            start = [row.model, row.family, row.parameters, row.status]
            table.writerow([*start, *counts, widths, row.reason, "; ".join(row.unnamed)])
    (folder / "models.md").write_text(page(rows), encoding="utf-8")


def page(rows: Sequence[SurveyedModel]) -> str:
    """Return the survey for people, as Markdown."""
    families = dict.fromkeys(row.family for row in rows)
    parts = [
        "# Layer groups in timm's models",
        f"{len(rows)} models of {len(families)} of the {len(timm.list_modules())} families of timm "
        f"{timm.__version__} (a family is the file that defines it), built without weights and "
        f"read by the rules of [`pgf/sparsity/roles.py`](../../pgf/sparsity/roles.py). Written by "
        f"`pgf models --write`; `--all` takes all {len(timm.list_models())} models.",
        survey_summary(rows),
        "## Refusals",
        "A target with a role that cannot be told is refused before any training, and the message "
        "names the layers. The other roles of the model can be pruned, and a task's option "
        "`groups` can give such a layer to one role, whole.",
        *(_refusals(rows) or ["None."]),
        "## Layers that no rule names",
        "They stay dense. A task's option `groups` prunes them nevertheless.",
        _list((label, row) for row in rows for label in row.unnamed),
        "## Families",
        _families(rows),
    ]
    return "\n\n".join(parts) + "\n"


def survey_summary(rows: Sequence[SurveyedModel]) -> str:
    """Return how many models have each status, as a Markdown table."""
    counts = Counter(row.status for row in rows)
    lines = [f"| {counts[s]} | {s} | {meaning} |" for s, meaning in STATUSES.items()]
    return "\n".join(["| models | status | |", "| ---: | --- | --- |", *lines])


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
    """Return models by family, at most three of each."""
    parts = []
    for family in dict.fromkeys(row.family for row in rows):
        own = [row.model for row in rows if row.family == family]
        more = f" and {len(own) - 3} more" if len(own) > 3 else ""
        parts.append(f"{family} ({', '.join(own[:3])}{more})")
    return "; ".join(parts)


def _list(found: Iterable[tuple[str, SurveyedModel]]) -> str:
    families: dict[str, dict[str, None]] = {}
    for label, row in found:
        families.setdefault(label, {})[row.family] = None
    return "\n".join(f"- `{k}`: {', '.join(v)}" for k, v in families.items()) or "None."


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
    return "\n".join([*lines, "", "`?`: the group is there, and refused."])
