"""Where a run trains: a resumed one may have moved to another machine, and its record says so."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from pgf.errors import UserError

SAME = ("precision", "data")
"""What a run cannot change on its way."""
SAID = ("node", "gpu", "torch")
"""What its record lists, everything that it had."""


def here(device: torch.device, precision: torch.dtype, data: str) -> dict[str, Any]:
    """Return this machine and what a run's numbers depend on beside its settings."""
    return {
        "node": platform.node(),
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "torch": str(torch.__version__).partition("+")[0],
        "precision": str(precision).removeprefix("torch."),
        "data": data,
    }


def joined(before: Sequence[Mapping[str, Any]], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the places of a run so far and this one.

    Raises:
        UserError: the run cannot go on here as it began.
    """
    if before:
        began = before[0]
        for name in SAME:
            if began[name] != now[name]:
                raise UserError(
                    f"the run began with {name} {began[name]} on {_machine(began)}, and here, on "
                    f"{_machine(now)}, it is {now[name]}: go on where it is the same (gpu_model "
                    f"in site.yaml, training.precision), or delete its checkpoint"
                )
    return [dict(place) for place in before] + ([dict(now)] if now not in before else [])


def _machine(place: Mapping[str, Any]) -> str:
    return f"{place['node']} ({place['gpu'] or 'CPU'})"


def told(places: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entries of a record: single values, or all of them in their order."""
    entries: dict[str, Any] = {}
    for name in SAID:
        values = list(dict.fromkeys(place[name] for place in places))
        several = " + ".join(str(value) for value in values)
        entries[name] = values[0] if len(values) == 1 else several
    return entries
