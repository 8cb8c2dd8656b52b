"""Compiled training: one graph, whatever a recipe's schedule does."""

from collections.abc import Iterator

import pytest
import torch
from support.helpers import tiny_spec, trained

from pgf.errors import UserError
from pgf.recipes import RECIPES
from pgf.training.optimization import check_optimization


@pytest.fixture(autouse=True)
def nothing_compiled() -> Iterator[None]:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_whole_run_is_one_graph_and_trains_the_same(recipe: str) -> None:
    run = trained(tiny_spec(recipe, compile="eager"))
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert graphs == 1, "a step's value has become part of the graph"
    plain = trained(tiny_spec(recipe))
    assert run.evaluations == plain.evaluations
    assert [row for row in run.all_rows()] == [row for row in plain.all_rows()]


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", ["sr_ste", "mdgf_linear", "sdgf_stepwise"])
def test_replayed_graphs_train_the_same_up_to_rounding(recipe: str) -> None:
    run = trained(tiny_spec(recipe, compile="reduce-overhead", device="cuda"))
    plain = trained(tiny_spec(recipe, device="cuda"))
    for one, other in zip(run.evaluations, plain.evaluations, strict=True):
        assert one.values["evaluation_loss"] == pytest.approx(
            other.values["evaluation_loss"], rel=1e-3
        )


def test_graphs_are_known_by_torchs_name_for_them() -> None:
    check_optimization(tiny_spec(compile="reduce-overhead").training)


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(UserError, match=r"training.compile: .* 'inductr': did you mean 'inductor'"):
        check_optimization(tiny_spec(compile="inductr").training)
