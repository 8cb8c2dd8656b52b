"""Models of timm, by name."""

from collections.abc import Iterator, Mapping
from typing import Any

import timm
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from pgf.errors import UserError


def created(name: str, options: Mapping[str, Any], *, image_size: int) -> nn.Module:
    """Return a fresh model for images of a size.

    Args:
        name: timm's.
        options: further arguments of `timm.create_model`.
        image_size: height and width; models that take any size are not told.

    Raises:
        UserError: timm cannot make it.
    """
    try:
        return _create(name, {"img_size": image_size, **options})
    except TypeError as error:
        if "img_size" not in str(error):
            raise _refusal(name, options, image_size, error) from error
    except Exception as error:
        raise _refusal(name, options, image_size, error) from error
    try:
        return _create(name, options)  # convolutions take any size
    except Exception as error:  # whatever one of a thousand models raises
        raise _refusal(name, options, image_size, error) from error


def _create(name: str, options: Mapping[str, Any]) -> nn.Module:
    return timm.create_model(name, **options)


def _refusal(name: str, options: Mapping[str, Any], image_size: int, error: Exception) -> UserError:
    own = {key: value for key, value in options.items() if key != "num_classes"}
    reason = " ".join(str(error).split())
    return UserError(
        f"timm cannot make {name} with image_size {image_size} and model_options {own}: {reason}"
    )


def narrower_widths(model: nn.Module) -> Iterator[int]:
    """Yield smaller widths that a Vision Transformer's heads divide; nothing for other models."""
    first: Any = next(iter(getattr(model, "blocks", ())), None)
    attention = getattr(first, "attn", None)
    if isinstance(model, VisionTransformer) and attention is not None:
        heads = int(attention.num_heads)
        yield from range(int(model.embed_dim) - heads, 0, -heads)
