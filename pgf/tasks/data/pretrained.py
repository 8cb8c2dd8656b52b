"""Pre-trained checkpoints of transformers: a local folder, or a copy of the hub's."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pgf.errors import UserError
from pgf.tasks.data.sources import resolve

WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
"""Files that hold weights; the first kind that is there is read."""
READ_AT_ONCE = 1 << 24


def checkpoint_folder(name: str) -> Path:
    """Return the folder of a checkpoint.

    Args:
        name: a folder, one below that which PGF_DATA names, or a model's id on the hub.

    Raises:
        UserError: it is none of these, or the hub's copy cannot be had.
    """
    try:
        return resolve(name)
    except UserError:
        pass
    from huggingface_hub import snapshot_download  # takes a second
    from huggingface_hub.errors import HFValidationError

    patterns = ["*.json", "*.model", "model*.safetensors"]
    try:
        folder = Path(snapshot_download(name, allow_patterns=patterns))
        if not any(folder.glob(WEIGHTS[0])):
            folder = Path(snapshot_download(name, allow_patterns=[*patterns, WEIGHTS[1]]))
    except HFValidationError as error:
        raise UserError(f"checkpoint {name}: no such folder, and no model's id") from error
    except Exception as error:  # one of a dozen classes, from three libraries
        reason = " ".join(str(error).split())
        raise UserError(
            f"checkpoint {name} is no folder, and the hub's cannot be had and is not in the cache "
            f"({reason}); give a folder, or connect to the network once"
        ) from error
    return folder


def read_config(folder: Path, *, name: str, model_type: str | None = None) -> dict[str, Any]:
    """Return a checkpoint's configuration.

    Args:
        folder: the checkpoint.
        name: of the checkpoint, for messages.
        model_type: what kind of model it must be; None for any.

    Raises:
        UserError: it is not there, cannot be read, or is of another kind of model.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"checkpoint {name}: {folder / 'config.json'}: {error}") from error
    if model_type is not None and found != model_type:
        raise UserError(f"checkpoint {name} is a {found}, not a {model_type}")
    weight_files(folder, name=name)
    return config


def weight_files(folder: Path, *, name: str) -> list[Path]:
    """Return the files that hold a checkpoint's weights.

    Raises:
        UserError: there is none.
    """
    for pattern in WEIGHTS:
        if files := sorted(folder.glob(pattern)):
            return files
    raise UserError(f"checkpoint {name}: {folder} holds no weights ({' or '.join(WEIGHTS)})")


def check_shapes(folder: Path, shapes: Mapping[str, Sequence[int]], *, name: str) -> None:
    """Check that a checkpoint has every weight of a model; `.bin` files are not looked into.

    Args:
        folder: the checkpoint.
        shapes: the model's weights, each of those it shares once.
        name: of the checkpoint, for messages.

    Raises:
        UserError: the first that is missing or of another shape, or a file that cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, Sequence[int]] = {}
    for path in weight_files(folder, name=name):
        if path.suffix != ".safetensors":
            return
        try:
            with safe_open(path, framework="pt") as file:
                found |= {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise UserError(f"checkpoint {name}: {path} cannot be read: {error}") from error
    for key, shape in shapes.items():
        if key not in found:
            raise UserError(f"checkpoint {name}: {folder} holds no weight {key}")
        if list(found[key]) != list(shape):
            raise UserError(
                f"checkpoint {name}: {key} is {_times(found[key])}, and {_times(shape)} by its "
                f"config.json"
            )


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def weights_hash(folder: Path, *, name: str) -> str:
    """Return a hash of a checkpoint's weights."""
    digest = hashlib.sha256()
    for path in weight_files(folder, name=name):
        with path.open("rb") as file:
            while part := file.read(READ_AT_ONCE):
                digest.update(part)
    return digest.hexdigest()[:16]
