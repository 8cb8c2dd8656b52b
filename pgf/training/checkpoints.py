"""The state of an unfinished run, beside its record until that is written."""

import io
import logging
import pickle
from pathlib import Path
from typing import Any

import torch

from pgf.records import replacing, set_aside
from pgf.training import parallel

CHECKPOINT = "checkpoint.pt"
log = logging.getLogger(__name__)


def save(path: Path, state: dict[str, Any], *, writes: bool = True) -> None:
    """Write a checkpoint whole or not at all; of several processes, one `writes`."""
    if not writes:
        return
    # Through memory: writing itself, torch reports a full disk as a RuntimeError.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: Path, *, fingerprint: str) -> dict[str, Any] | None:
    """Return the checkpoint of a run, or None where there is none that fits.

    One that is cut short, or belongs to other settings or code, is set aside and named in the log;
    of several processes the first does so, and all of them read what it found.
    """
    state = _checked(path, fingerprint) if parallel.rank() == 0 else None
    found = parallel.from_first(state is not None)
    return _read(path) if found and state is None else state


def _read(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _checked(path: Path, fingerprint: str) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        state = _read(path)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        log.warning("%s cannot be read (%s); kept as %s", path, error, set_aside(path).name)
        return None
    if not isinstance(state, dict) or state.get("fingerprint") != fingerprint:
        log.warning("%s is of other settings or code; kept as %s", path, set_aside(path).name)
        return None
    return state


def random_state() -> dict[str, Any]:
    """Return the state of torch's global generators: the CPU's, and that of the GPU in use."""
    cuda = [torch.cuda.get_rng_state()] if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_random_state(state: dict[str, Any]) -> None:
    """Restore what `random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"]:
        torch.cuda.set_rng_state(state["cuda"][0])
