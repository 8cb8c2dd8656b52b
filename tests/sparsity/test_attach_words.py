"""Messages of `attach`: mistakes in the call, and trainings not as long as planned."""

import logging

import pytest
import torch
from support.helpers import tiny_block
from support.plain_loop import TARGET, TOTAL, Plain
from torch import nn

import pgf
from pgf.errors import UserError, nearest


def attached(model: nn.Module | None = None, **changes: object) -> pgf.Attached:
    model = tiny_block() if model is None else model
    given = {"target": TARGET, "recipe": "mdgf_linear", "total_steps": 10, **changes}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return pgf.attach(model, optimizer, **given)  # type: ignore[arg-type]


def test_a_training_shorter_than_planned_is_said(caplog: pytest.LogCaptureFixture) -> None:
    plain = Plain("mdgf_linear").run(2)
    with caplog.at_level(logging.WARNING):
        report = plain.sparse.finish()
    assert (
        f"2 optimiser steps were done with total_steps={TOTAL}: the last phase was" in caplog.text
    )
    assert str(report).endswith("finish() pruned at once what was left to the schedule")


def test_a_training_longer_than_planned_is_said() -> None:
    plain = Plain("mdgf_linear").run().run(3)
    assert "the schedule ended 3 steps before the training" in plain.sparse.finish().warning


def test_a_training_of_the_planned_length_is_not_spoken_of() -> None:
    assert Plain("mdgf_linear").run().sparse.finish().warning == ""


def test_options_of_the_recipe_are_taken_by_name() -> None:
    sparse = attached(dense=0.25)
    assert sparse.sparsifier.recipe.dense == 0.25
    assert sparse.sparsifier.recipe.fine_tune == 0.3, "the preset's own"
    assert "dense=0.25" in repr(sparse) and "2 layers, step 0 of 10" in repr(sparse)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dens": 0.2}, "mdgf_linear has no option 'dens': did you mean 'dense'"),
        ({"group": {}}, "mdgf_linear has no option 'group': did you mean 'groups'"),
        (
            {"recipe": pgf.find_recipe("ste")(), "dense": 0.2},
            "dense: options go with a recipe's name, not with one",
        ),
        ({"recipe": "MdGf"}, "did you mean 'mdgf_exponential' or 'mdgf_linear'"),
    ],
)
def test_mistakes_in_the_call_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        attached(**changes)


def test_arguments_in_the_wrong_order_are_named() -> None:
    model = tiny_block()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(UserError, match=r"attach\(model, optimizer, ...\): a SGD is no model"):
        pgf.attach(optimizer, model, target=TARGET, recipe="ste", total_steps=3)  # type: ignore[arg-type]


def test_an_optimiser_of_other_layers_is_named() -> None:
    model = tiny_block()
    own = [p for name, p in model.named_parameters() if "mlp" not in name]
    optimizer = torch.optim.SGD(own or [next(model.parameters())], lr=0.1)
    with pytest.raises(UserError, match="the optimiser does not own the weights of all of its gro"):
        pgf.attach(model, optimizer, target=TARGET, recipe="ste", total_steps=3)


def test_hints_offer_names_that_begin_so() -> None:
    assert nearest("Sd", ["sdgf_a", "sdgf_b", "ste"]) == "did you mean 'sdgf_a' or 'sdgf_b'?"
    assert nearest("stee", ["sdgf_a", "ste"]) == "did you mean 'ste'?"
