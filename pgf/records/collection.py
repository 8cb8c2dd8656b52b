"""The collection of all runs of an experiment into two frames; what does not fit is refused.

`runs.csv` has one row per run and `curves.parquet` the statistics over time; tables and figures
need nothing else, so a clone that holds these two rebuilds them without the runs.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pgf.errors import UserError
from pgf.experiments import RunSpec
from pgf.records.collected import BY_LAYER, COLUMNS, IDENTITY, Collected, sorted_curves
from pgf.records.record import CURVES, OVERALL, RECORD, read_run

NOTE, LAYER = "note.", "sparsity."
"""Beginnings of the keys that a record has for each sparse layer."""
NAMED_RUNS = 5
"""Runs that an error names before it only counts the others."""

ALIKE = ("code", "torch", "device", "gpu", "precision")
"""Keys whose values all runs of an experiment share, whatever machines they were trained on."""

Record = dict[str, Any]
Found = list[tuple[RunSpec, Record]]


def collect_runs(
    specs: Sequence[RunSpec], results: Path, *, partial: bool = False, allow_mixed: bool = False
) -> Collected:
    """Read the runs of an experiment, in the order of `specs`.

    Diverged runs are rows like any other. The column `mixed` marks runs that were made with other
    settings, code or torch than the rest, which only `allow_mixed` lets through; `partial` lets
    missing runs through.

    Raises:
        UserError: a run is missing, recorded twice, or made with other settings, code or torch.
    """
    found, missing = _read_all(specs, results)
    if missing and (not partial or not found):
        raise UserError(
            f"{len(missing)} of {len(specs)} runs are missing: {_name(missing)}; train them, or "
            "ask for a partial collection"
        )
    _refuse_strangers(found)
    odd = _oddities(found)
    mixed = [any(flags) for flags in zip(*odd.values(), strict=True)]
    if any(mixed) and not allow_mixed:
        raise UserError(_mixture_text(found, odd))
    rows = [_row(record) | {"mixed": flag} for (_, record), flag in zip(found, mixed, strict=True)]
    curves = [_curves(spec, spec.directory(results) / CURVES) for spec, _ in found]
    whole, layers = (pd.concat(parts, ignore_index=True) for parts in zip(*curves, strict=True))
    return Collected(pd.DataFrame(rows), sorted_curves(whole), sorted_curves(layers))


def _read_all(specs: Sequence[RunSpec], results: Path) -> tuple[Found, list[RunSpec]]:
    repeated = [spec for spec, n in Counter(spec.slug for spec in specs).items() if n > 1]
    if repeated:
        raise UserError(f"the experiment plans runs twice: {_listing(repeated)}")
    found: Found = []
    missing: list[RunSpec] = []
    for spec in specs:
        directory = spec.directory(results)
        if (directory / RECORD).exists() and (directory / CURVES).exists():
            found.append((spec, read_run(directory)))
        else:
            missing.append(spec)
    return found, missing


def _refuse_strangers(found: Found) -> None:
    """Refuse records that are not of the run whose folder they lie in: copies, renamed folders."""
    counts = Counter(_identity(record) for _, record in found)
    twice = [spec for spec, record in found if counts[_identity(record)] > 1]
    if twice:
        raise UserError(
            f"the same run is recorded in more than one folder: {_name(twice)}; delete the copies"
        )
    strangers = [spec for spec, record in found if _identity(record) != _planned(spec)]
    if strangers:
        raise UserError(
            f"these folders hold the record of another run: {_name(strangers)}; delete them and "
            "train again"
        )


def _identity(record: Record) -> tuple[Any, ...]:
    return tuple(record[key] for key in IDENTITY)


def _planned(spec: RunSpec) -> tuple[Any, ...]:
    return (spec.task.name, spec.recipe.name, spec.target, spec.seed)


def _oddities(found: Found) -> dict[str, list[bool]]:
    """Return, for each way not to belong to the others, which runs do not."""
    odd = {
        "other settings or code than now": [
            record["fingerprint"] != spec.fingerprint() for spec, record in found
        ]
    }
    for key in ALIKE:
        values = [record.get(key) for _, record in found]
        odd[f"other {key} than the rest"] = _unlike_most(values, [""] * len(values))
    data = [record.get("data") for _, record in found]
    tasks = [spec.task.name for spec, _ in found]
    odd["other data than the rest of the task"] = _unlike_most(data, tasks)
    return odd


def _unlike_most(values: Sequence[Any], groups: Sequence[str]) -> list[bool]:
    """Return which values are not the most frequent one of their group."""
    counts: dict[str, Counter[Any]] = {}
    for value, group in zip(values, groups, strict=True):
        counts.setdefault(group, Counter())[value] += 1
    usual = {group: counter.most_common(1)[0][0] for group, counter in counts.items()}
    return [value != usual[group] for value, group in zip(values, groups, strict=True)]


def _mixture_text(found: Found, odd: dict[str, list[bool]]) -> str:
    reasons = []
    for reason, flags in odd.items():
        own = [pair for pair, flag in zip(found, flags, strict=True) if flag]
        if own:
            named = _name(spec for spec, _ in own)
            reasons.append(f"{reason}: {named}{_in_what(own[0], reason)}")
    return (
        f"runs that do not belong together ({'; '.join(reasons)}); train them again, or allow a "
        "mixture, which the tables then state"
    )


def _in_what(odd: tuple[RunSpec, Record], reason: str) -> str:
    """Return what the first odd run has, and what is asked for now where that is known."""
    spec, record = odd
    key = reason.removeprefix("other ").partition(" ")[0]
    if key in ALIKE:
        return f" ({record.get(key)})"
    wanted = {
        f"{part}.{name}": value
        for part in ("task", "recipe", "training", "statistics")
        for name, value in spec.settings()[part].get("options", spec.settings()[part]).items()
    }
    differ = [
        f"{name} {record[name]}, now {json.loads(json.dumps(value))}"
        for name, value in wanted.items()
        if name in record and record[name] != json.loads(json.dumps(value))
    ]
    return f" ({'; '.join(differ)})" if key == "settings" and differ else ""


def _row(record: Record) -> Record:
    """Return a record as one row: lists and mappings as JSON text, nothing for single layers.

    What a recipe remarks on its layers (`note.<layer>`) becomes one text, `notes`, which says of
    how many layers each remark is.
    """
    said = Counter(str(value) for key, value in record.items() if key.startswith(NOTE))
    layers = sum(key.startswith(LAYER) for key in record)
    notes = [f"{count} of {layers} layers: {text}" for text, count in said.most_common()]
    kept = {
        key: json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value
        for key, value in record.items()
        if not key.startswith((NOTE, LAYER))
    }
    return kept | {"notes": "; ".join(notes)}


def _curves(spec: RunSpec, path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curves over all layers, and those of `BY_LAYER` for each layer."""
    wanted: list[list[tuple[str, str, Any]]]
    wanted = [[("layer", "==", OVERALL)], [("name", "in", BY_LAYER)]]
    frame = pd.read_parquet(path, filters=wanted)
    task, recipe, target, seed = _planned(spec)
    frame = frame.assign(task=task, recipe=recipe, target=target, seed=seed)[COLUMNS]
    whole = frame["layer"] == OVERALL
    return frame[whole], frame[~whole]


def _name(specs: Iterable[RunSpec]) -> str:
    return _listing([spec.slug for spec in specs])


def _listing(names: Sequence[str]) -> str:
    more = len(names) - NAMED_RUNS
    return ", ".join(names[:NAMED_RUNS]) + (f" and {more} more" if more > 0 else "")
