"""Second moment and variance by layer: its layers, its values, and what it says without any."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from support.figures import drawn, line_of
from support.synthetic import context, grid

from pgf.analysis.figures.kinds.second_moment_by_layer import chosen_layers
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed


@pytest.fixture(scope="module")
def whole() -> Context:
    return context(grid(seeds=2))


def test_each_layer_has_its_own_values(whole: Context) -> None:
    name, target = "gradient_variance", "1:16(FF)"
    sum_ = by_seed(whole, "toy", "sr_ste", target, name)
    for layer, factor in (("blocks.0.fc1", 1), ("blocks.1.fc1", 2)):
        values = by_seed(whole, "toy", "sr_ste", target, name, layer=layer)
        np.testing.assert_allclose(values.to_numpy(), factor * sum_.to_numpy())
    axes = drawn("second_moment_by_layer", whole).axes
    first, second = (line_of(place, "SR-STE").get_ydata() for place in axes[2:4])
    np.testing.assert_allclose(second, 2 * np.asarray(first))


def test_many_layers_are_spread_in_the_order_of_their_numbers(whole: Context) -> None:
    own = whole.layers[whole.layers["layer"] == "blocks.0.fc1"]
    names = [f"blocks.{i}.fc1" for i in range(12)]
    many = pd.concat([own.assign(layer=name) for name in names[::-1]], ignore_index=True)
    shown = chosen_layers(replace(whole, layers=many), "toy")
    assert shown == ["blocks.0.fc1", "blocks.4.fc1", "blocks.7.fc1", "blocks.11.fc1"]


def test_runs_without_curves_of_layers_say_so(whole: Context) -> None:
    figure = drawn("second_moment_by_layer", replace(whole, layers=whole.layers.iloc[:0]))
    said = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "No curves of single layers" in said.replace("\n", " ")


def test_layers_that_the_shown_target_does_not_prune_are_left_out(whole: Context) -> None:
    other = whole.layers[whole.layers["target"] == "1:4(FF)"].assign(layer="blocks.0.attn.qkv")
    more = replace(whole, layers=pd.concat([whole.layers, other], ignore_index=True))
    assert chosen_layers(more, "toy") == ["blocks.0.fc1", "blocks.1.fc1"]
