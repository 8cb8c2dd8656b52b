"""Models of transformers from configurations, with one sentence for what is wrong in them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from pgf.errors import UserError, nearest
from pgf.tasks.data.pretrained import check_shapes

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def made_configuration(
    kind: "type[PreTrainedConfig]",
    own: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    where: str = "model_options",
) -> Any:
    """Return a configuration of transformers, which takes unknown names in silence.

    Args:
        kind: its class.
        own: values of this project's options.
        options: values that a config gives by transformers' names; they go before.
        where: what they are of, for a message.

    Raises:
        UserError: it has no such name, or cannot take a value.
    """
    from huggingface_hub.errors import StrictDataclassError

    known = kind().to_dict()
    for key in options:
        if key not in known:
            raise UserError(f"model_options: {key}: unknown key; {nearest(key, known)}")
    try:
        return kind.from_dict({**own, **options})
    except (StrictDataclassError, ValueError, TypeError) as error:
        raise UserError(f"{where}: {' '.join(str(error).split())}") from error


def built(kind: Callable[[Any], nn.Module], config: Any) -> nn.Module:
    """Return the model of a configuration.

    Raises:
        UserError: it does not fit together.
    """
    try:
        return kind(config)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"model_options: no model can be made so: {reason}") from error


def from_checkpoint(
    load: Callable[..., Any],
    make: Callable[[Any], nn.Module],
    config: Any,
    folder: Path,
    *,
    name: str,
) -> nn.Module:
    """Return the model of a checkpoint; on the meta device its shapes alone.

    Args:
        load: the class's `from_pretrained`.
        make: makes a fresh model of a configuration.
        config: the configuration.
        folder: the checkpoint.
        name: of the checkpoint, for messages.

    Raises:
        UserError: a weight is missing or of another shape, or the checkpoint cannot be read.
    """
    from transformers import GenerationConfig  # takes seconds

    with torch.device("meta"):
        shapes = built(make, config)
    own = {key: parameter.shape for key, parameter in shapes.named_parameters()}
    check_shapes(folder, own, name=name)
    if torch.get_default_device().type == "meta":
        return shapes  # who asks for shapes alone gets no checkpoint's values
    try:
        with _quiet():
            model, found = load(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # whatever reading and unpickling raise
        reason = " ".join(str(error).split())
        raise UserError(f"checkpoint {name} cannot be read: {reason}") from error
    # Else its own lengths and penalties, meant for other tasks, would hold here.
    model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
    # Else transformers draws them at random and says so in its log alone.
    for key in sorted(found["missing_keys"]):
        raise UserError(f"checkpoint {name}: {folder} holds no weight {key}")
    return cast(nn.Module, model)


@contextmanager
def _quiet() -> "Iterator[None]":
    """Keep transformers from drawing progress bars of its own."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.enable_progress_bar()  # type: ignore[no-untyped-call]
