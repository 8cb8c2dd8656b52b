"""The metric by epoch, with the phases of the recipes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from support.figures import drawn, line_of
from support.synthetic import RECIPES, STEPS, TARGET, context, curve_rows, grid, runs_frame

from pgf.analysis.figures.evaluations import (
    sparsity_order,
)
from pgf.analysis.figures.kinds.metric_over_training import chosen_targets
from pgf.analysis.figures.style import LOOKS
from pgf.analysis.figures.timeline import Timeline, draw_strip, stages, timeline
from pgf.analysis.tables.context import target_label
from pgf.recipes.baselines import Ste

SIX_TARGETS = ("2:4(FF)", "1:4(FF)", "1:8(FF)", "1:16(FF)", "1:32(FF)", "1:128(FF)")


@pytest.fixture(scope="module")
def whole():
    return context(grid(seeds=2))


@pytest.mark.parametrize(
    ("dense", "fine_tune", "total"), [(0.0, 0.0, 90), (0.1, 0.3, 90), (0.25, 0.5, 7), (0.6, 0.4, 9)]
)
def test_phases_are_those_of_the_recipe_s_clock(dense, fine_tune, total):
    runs = runs_frame({("mdgf_linear", TARGET): [1.0]}, n_steps=total).assign(
        **{"recipe.dense": dense, "recipe.fine_tune": fine_tune}
    )
    found = timeline(context(runs, baselines=()), "toy", "mdgf_linear", TARGET)
    clock = Ste(dense=dense, fine_tune=fine_tune).clock(0, total)
    end = clock.end if fine_tune else total
    assert (found.start, found.end, found.total) == (clock.start, end, total)


def test_stages_by_hand():
    runs = runs_frame({("sdgf_stepwise", "1:8(FF)"): [1.0, 2.0]})
    made = context(runs, baselines=())
    density = [1.0, 1.0, 7 / 8, 7 / 8, 4 / 8, 4 / 8, 2 / 8, 1 / 8, 1 / 8, 1 / 8]
    rows = [curve_rows(run, "pattern_density", density) for run in runs.to_dict("records")]
    made = replace(made, curves=pd.concat([made.curves, *rows]))
    steps = np.linspace(1, STEPS, 10).astype(int)
    # The first pattern is the end of the dense phase, not a stage.
    assert stages(made, "toy", "sdgf_stepwise", "1:8(FF)") == tuple(steps[[4, 6, 7]])
    assert stages(context(runs, baselines=()), "toy", "sdgf_stepwise", "1:8(FF)") == ()


def test_the_strip_shows_phases_and_stages():
    axes = Figure().subplots()
    rows = [(Timeline(10, 70, 100, (30, 50)), LOOKS["sdgf_stepwise"]), (None, LOOKS["sr_ste"])]
    draw_strip(axes, rows, factor=0.1)
    drawn_lines = [(list(line.get_xdata()), set(line.get_ydata())) for line in axes.get_lines()]
    assert drawn_lines == [
        ([0.0, 1.0], {0}),
        ([1.0, 7.0], {0}),
        ([7.0, 10.0], {0}),
        ([3.0, 5.0], {0}),
    ]
    widths = [line.get_linewidth() for line in axes.get_lines()[:3]]
    alphas = [line.get_alpha() for line in axes.get_lines()[:3]]
    assert widths[0] < widths[1] == widths[2] and alphas[1] < alphas[2] == 1
    assert axes.get_ylim() == (1.5, -0.5)


def test_panels_below_stand_on_the_epochs_of_those_above(whole):
    figure = drawn("metric_over_training", whole)
    top, second, strip, last = figure.axes
    assert top.get_title(loc="left") == "(a) 1:4 (FF)"
    assert second.get_title(loc="left") == "(b) 1:16 (FF)"
    assert top.get_ylim() == second.get_ylim() and top.get_xlim() == strip.get_xlim()
    assert strip.get_xlabel() == "epoch"
    np.testing.assert_allclose(line_of(top, "SR-STE").get_xdata(), 1.5 * np.arange(1, 7))
    # SR-STE has one phase, its dense start two, MdGf three; no stages here.
    assert len(last.get_lines()) - 4 == 1 + 2 + 3 + 3
    names = [text.get_text() for text in strip.get_yticklabels()]
    assert names == list(RECIPES.values())[1:]
    assert strip.get_xlim() == pytest.approx((0, 9), abs=0.3)


def test_three_targets_of_many_are_spread_and_the_rest_named():
    made = context(grid(seeds=1, targets=SIX_TARGETS))
    assert chosen_targets(made, "toy") == ["2:4(FF)", "1:8(FF)", "1:128(FF)"]
    title = drawn("metric_over_training", made).legends[0].get_title().get_text().replace("\n", " ")
    assert "Targets not drawn: 1:4 (FF), 1:16 (FF), 1:32 (FF)." in title
    assert "Targets not drawn" not in str(
        drawn("metric_over_training", context()).legends[0].get_title()
    )


def test_targets_go_from_the_densest_to_the_sparsest():
    ordered = sparsity_order(["1:16(FF)", "2:4(FF)", "1:8(FF)+1:4(QK)"])
    assert [target_label(t) for t in ordered] == ["2:4 (FF)", "1:8 (FF)+1:4 (QK)", "1:16 (FF)"]


def test_top_5_stands_below_where_it_was_recorded(whole):
    curves = whole.curves
    more = curves[curves["name"] == "accuracy"].assign(name="accuracy_top5")
    made = replace(whole, curves=pd.concat([curves, more], ignore_index=True))
    axes = drawn("metric_over_training", made).axes
    assert [place.get_title(loc="left") for place in axes[:4]] == [
        f"({letter}) {target}"
        for letter, target in zip("abcd", ["1:4 (FF)", "1:16 (FF)"] * 2, strict=True)
    ]
    assert axes[2].get_ylabel() == f"{axes[0].get_ylabel()} (top 5)"
    assert axes[2].get_xlim() == axes[4].get_xlim()


def test_the_analysis_names_targets():
    made = context(grid(seeds=1, targets=SIX_TARGETS), figure_targets=("1:8(FF)", "1:128(FF)"))
    assert chosen_targets(made, "toy") == ["1:8(FF)", "1:128(FF)"]
