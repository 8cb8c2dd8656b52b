"""Models of transformers from configurations, with one sentence for what is wrong in them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from pgf.errors import UserError, nearest

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


@contextmanager
def quiet() -> "Iterator[None]":
    """Keep transformers from drawing progress bars of its own."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.enable_progress_bar()  # type: ignore[no-untyped-call]
