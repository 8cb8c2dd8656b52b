"""The models of timm and transformers, built without memory for their weights."""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import timm
import torch
from torch import nn

from pgf.costs.survey.rows import SurveyedModel, row_of
from pgf.errors import UserError, nearest

TIMM, TRANSFORMERS = "timm", "transformers"
Name = tuple[str, str]
"""Library, and the model's name in timm or its type in transformers."""
MOST_LAYERS = 4
"""Layers of a kind that a model of transformers is built with: the others are like them."""
LONGEST_REASON = 160
_DEPTHS = (
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "depth"),
    *("encoder_layers", "decoder_layers", "num_encoder_layers", "num_decoder_layers"),
)
_KINDS = ("layer_types", "layers_block_type", "mlp_layer_types")


@cache
def _types() -> dict[str, str]:
    """Return the type of every model of transformers, with its class."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return {kind: str(own) for kind, own in MODEL_MAPPING_NAMES.items()}


def choose_models(names: Sequence[str], *, every: bool = False) -> list[Name]:
    """Return models by name: timm's, or else types of transformers.

    Args:
        names: only these; none for one of every family of timm, the first in alphabetical order,
            and every type of transformers.
        every: all of timm's instead.

    Raises:
        UserError: no library has a model of a name.
    """
    known = set(timm.list_models())
    chosen: list[Name] = []
    for name in names:
        if name not in known and name not in _types():
            hint = nearest(name, [*known, *_types()])
            raise UserError(f"neither timm nor transformers has a model '{name}': {hint}")
        chosen.append((TIMM if name in known else TRANSFORMERS, name))
    if chosen:
        return chosen
    of_timm = (
        timm.list_models()
        if every
        else [timm.list_models(module=family)[0] for family in timm.list_modules()]
    )
    return [*((TIMM, name) for name in of_timm), *((TRANSFORMERS, kind) for kind in _types())]


def look_at(name: Name) -> SurveyedModel:
    """Build a model without memory for its weights and read its layers."""
    library, own = name
    family = own
    if library == TIMM:
        family = str(timm.model_entrypoint(own).__module__).rpartition(".")[2]
    build: Callable[[str], nn.Module] = _timm if library == TIMM else _transformers
    try:
        with torch.device("meta"), _quiet():
            model = build(own)
        return row_of(model, library=library, family=family, name=own)
    except Exception as error:  # whatever one of two thousand models raises is a row of the table
        return SurveyedModel(
            library, family, own, error=f"{type(error).__name__}: {_reason(error)}"
        )


def _reason(error: Exception) -> str:
    """Return an error's text in a readable line, without the folders of this machine."""
    text = re.sub(r"/[^\s'\"]*/site-packages/", "", " ".join(str(error).split()))
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."


def _timm(name: str) -> nn.Module:
    return timm.create_model(name)


def _transformers(kind: str) -> nn.Module:
    import transformers  # takes seconds
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    made: Any = transformers.AutoModel
    small = CONFIG_MAPPING[kind]()
    _shorten(small)
    with suppress(Exception):  # some do not take fewer layers
        model: nn.Module = made.from_config(small)
        return model
    whole: nn.Module = made.from_config(CONFIG_MAPPING[kind]())
    return whole


def _shorten(config: Any) -> None:
    for name in _DEPTHS:
        if isinstance(depth := getattr(config, name, None), int) and depth > MOST_LAYERS:
            with suppress(Exception):
                setattr(config, name, MOST_LAYERS)
    for name, value in list(vars(config).items()):
        if name in _KINDS and isinstance(value, list):
            with suppress(Exception):
                setattr(config, name, value[:MOST_LAYERS])
        elif hasattr(value, "to_diff_dict"):  # the config of a part
            _shorten(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' remarks on single configs from the terminal."""
    from transformers.utils import logging as remarks

    logging: Any = remarks
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
