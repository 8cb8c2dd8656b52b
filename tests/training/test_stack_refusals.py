"""Runs that cannot train as one stacked model: one sentence."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from test_stacks import vit

from pgf.errors import UserError
from pgf.experiments.settings import TrainingSettings
from pgf.training.stack import check_stack


@pytest.mark.parametrize(
    ("model", "more", "says"),
    [
        (vit(proj_drop_rate=0.1), {}, "dropout"),
        (vit(drop_path_rate=0.1), {}, "dropout"),
        (torch.nn.Sequential(torch.nn.BatchNorm2d(3)), {}, "batch statistics"),
        (vit(), {"precision": "float16"}, "float16"),
    ],
)
def test_what_cannot_be_stacked_is_refused(
    model: torch.nn.Module, more: dict[str, Any], says: str
) -> None:
    settings = TrainingSettings(steps=1, batch_size=2, learning_rate=1.0, stack=2, **more)
    with pytest.raises(UserError, match=says):
        check_stack(model, settings)
    check_stack(model, replace(settings, stack=1))


def test_stacks_of_several_processes_or_compiled_are_refused() -> None:
    for more in ({"processes": 2}, {"compile": "inductor"}):
        with pytest.raises(ValueError, match="stacked runs train in one process"):
            TrainingSettings(steps=1, batch_size=2, learning_rate=1.0, stack=2, **more)
