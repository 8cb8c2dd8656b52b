"""Figures 3 to 6: the metric at equal cost, the Pareto front, phases, the paper's own curves."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from support.synthetic import PAPER, STEPS, context, curve_rows, grid, runs_frame

from pgf.analysis.figures.evaluations import (
    by_epoch,
    by_flops,
    by_share,
    evaluations,
    sparsity_order,
)
from pgf.analysis.figures.kinds.figure3 import caption, published_share
from pgf.analysis.figures.kinds.figure4 import shown_targets
from pgf.analysis.figures.kinds.figure5 import _widths, pareto, points_of
from pgf.analysis.figures.kinds.figure6 import chosen_targets
from pgf.analysis.figures.registry import FIGURES, load_figures
from pgf.analysis.figures.series import every_shown
from pgf.analysis.figures.style import FULL, LOOKS, WIDTH, drawing
from pgf.analysis.figures.timeline import Timeline, draw_strip, stages, timeline
from pgf.analysis.tables.context import target_label
from pgf.analysis.tables.published import load_curves
from pgf.recipes.baselines import Ste

TARGET = "1:16(FF)"
SIX_TARGETS = ("2:4(FF)", "1:4(FF)", "1:8(FF)", "1:16(FF)", "1:32(FF)", "1:128(FF)")


@pytest.fixture(scope="module")
def whole():
    return context(grid(seeds=2))


def drawn(name, made):
    load_figures()
    with drawing(name):
        return FIGURES[name](made)


def line_of(axes, label):
    return next(line for line in axes.get_lines() if line.get_label() == label)


# Figure 3


def test_the_paper_s_curves_stand_below_ours(whole):
    curves = load_curves(PAPER / "fig3.csv")
    figure = drawn("figure3", replace(whole, published_curves=curves))
    assert len(figure.axes) == 4 and figure.get_figwidth() == FULL
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log"] * 2
    for panel, axes in zip(("3a", "3b"), figure.axes[2:], strict=True):
        for name, label, recipe in (
            ("SR-STE", "paper: SR-STE", "sr_ste"),
            ("MDGF-Exponential", "paper: MdGf-Exponential", "mdgf_exponential"),
        ):
            own = curves[(curves["panel"] == panel) & (curves["recipe"] == name)]
            line = line_of(axes, label)
            np.testing.assert_array_equal(line.get_xdata(), own["steps_1e3"])
            np.testing.assert_array_equal(line.get_ydata(), own["value"])
            assert to_hex(line.get_color()) == LOOKS[recipe].color


def test_the_end_of_the_paper_s_second_panel_is_marked_in_ours(whole):
    made = replace(whole, published_curves=load_curves(PAPER / "fig3.csv"))
    share = published_share(made)
    assert share == pytest.approx(13.0005 / 90.2036, abs=1e-6)
    mark = drawn("figure3", made).axes[1].get_lines()[-1]
    assert set(mark.get_xdata()) == {share * STEPS}
    assert "ends 14% of the way" in caption(made) and "toy at 1:16 (FF)" in caption(made)
    assert "the paper's own curves" not in caption(whole)


def test_small_values_name_their_power_of_ten_beside_the_axis(whole):
    curves = whole.curves.copy()
    curves.loc[curves["name"] == "second_moment_norm", "value"] *= 1e-5
    axes = drawn("figure3", replace(whole, curves=curves)).axes[0]
    assert axes.get_ylabel() == "in $10^{-8}$"
    formatter = axes.yaxis.get_major_formatter()
    assert formatter(2e-8, 0) == "2"


# Figure 4


def test_sparsity_is_drawn_by_target_with_the_reduction_of_flops(whole):
    above, *_, right = drawn("figure4", whole).axes
    assert [text.get_text() for text in above.get_xticklabels()] == ["75%", "93.75%"]
    # 3 GFLOPs, of which 2 keep a quarter, or a sixteenth.
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [3 / 1.5, 3 / 1.125])
    places = right.get_lines()[0].get_xdata()
    container = above.containers[0]
    np.testing.assert_allclose(container.lines[0].get_xdata(), places, atol=0.5)
    runs = whole.runs[whole.runs["recipe"] == "sr_ste"]
    means = [runs.loc[runs["target"] == t, "final"].mean() for t in ("1:4(FF)", TARGET)]
    np.testing.assert_allclose(container.lines[0].get_ydata().astype(float), means)


def test_targets_of_other_layer_groups_stay_out_of_the_sparsity_axis():
    targets = ("1:16(FF)", "1:4(FF)", "1:16(FF)+1:4(QK)")
    assert shown_targets(context(grid(seeds=1, targets=targets)), "toy") == ["1:4(FF)", "1:16(FF)"]


def test_evaluations_are_placed_by_flops_and_by_share(whole):
    _, flops, share = drawn("figure4", whole).axes[:3]
    sr_ste, dense = line_of(flops, "SR-STE"), line_of(flops, "Dense")
    # Forward and input gradient of the prunable 2 of 3 GFLOPs keep a sixteenth.
    whole_run = 100 * (9 - 2 * 2 * 15 / 16) / 9
    np.testing.assert_allclose(dense.get_xdata(), 100 * np.arange(1, 7) / 6)
    np.testing.assert_allclose(sr_ste.get_xdata(), whole_run * np.arange(1, 7) / 6)
    np.testing.assert_allclose(line_of(share, "SR-STE").get_xdata(), 100 * np.arange(1, 7) / 6)
    values = evaluations(whole, "toy", "sr_ste", TARGET).values.mean(axis="columns")
    np.testing.assert_allclose(sr_ste.get_ydata(), values)
    # 83 samples hold ten batches of eight: 90 steps are nine epochs.
    assert share.get_xlabel() == "share of training, % of 9 epochs"


def test_the_axis_spans_the_second_half_of_training(whole):
    low, high = drawn("figure4", whole).axes[2].get_ylim()
    curves = whole.curves[(whole.curves["name"] == "accuracy")]
    shown = curves[curves["target"].isin([TARGET, "dense"])]
    means = shown.groupby(["recipe", "step"])["value"].mean().unstack()
    bottom, top = means[45].min(), shown["value"].max()
    margin = 0.12 * (top - bottom)
    assert (low, high) == pytest.approx((bottom - margin, top + margin))


def test_markers_are_hollow_before_the_target(whole):
    axes = drawn("figure4", whole).axes[2]
    hollow = {
        to_hex(line.get_color()): list(line.get_xdata())
        for line in axes.get_lines()
        if line.get_markerfacecolor() == "white"
    }
    assert hollow[LOOKS["sr_ste"].color] == hollow[LOOKS["dense"].color] == []
    # At the target from 70% of training on: four of six evaluations stand before.
    np.testing.assert_allclose(hollow[LOOKS["mdgf_linear"].color], 100 * np.arange(1, 5) / 6)


def test_steps_stand_for_epochs_that_are_unknown(whole):
    made = replace(whole, runs=whole.runs.drop(columns="train_samples"))
    assert by_epoch(made, "toy")[1] == "step"
    assert by_share(made, "toy")[1] == "share of training, % of 90 steps"
    assert list(by_epoch(whole, "toy")[0](pd.Index([20]))) == [2.0]
    small = replace(whole, runs=whole.runs.assign(train_samples=5))
    assert by_epoch(small, "toy")[1] == "step"


def test_flops_of_steps_without_a_count_are_not_placed(whole):
    scale = by_flops(whole, "toy", "dense", TARGET)
    placed = scale(pd.Index([15, 16]))
    assert placed[0] == pytest.approx(100 / 6) and np.isnan(placed[1])


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 1), (24, 24), (25, 13), (350, 24)])
def test_markers_are_thinned_to_what_can_be_seen_the_last_kept(count, shown):
    kept = list(range(count))[every_shown(count)]
    assert len(kept) == shown
    assert not kept or kept[-1] == count - 1


# Figure 5


def slow_front(points, higher_is_better):
    """Return what no other point dominates, by the definition; equal points only once."""
    sign = 1 if higher_is_better else -1

    def dominates(a, b):
        no_worse = a[0] <= b[0] and sign * a[1] >= sign * b[1]
        return no_worse and (a[0] < b[0] or sign * a[1] > sign * b[1])

    return sorted({p for p in points if not any(dominates(q, p) for q in points)})


numbers = st.integers(0, 6).map(float)


@given(st.lists(st.tuples(numbers, numbers), max_size=12), st.booleans())
def test_the_pareto_front_is_what_no_other_point_dominates(points, higher):
    front = [points[i] for i in pareto(points, higher_is_better=higher)]
    assert front == slow_front(points, higher)


def test_the_pareto_front_by_hand():
    points = [(3.0, 9.0), (1.0, 5.0), (2.0, 4.0), (2.0, 7.0), (1.0, 5.0), (4.0, 9.0)]
    assert pareto(points, higher_is_better=True) == [1, 3, 0]
    assert pareto(points, higher_is_better=False) == [1, 2]


def test_the_front_of_the_figure_joins_the_best_means(whole):
    axes = drawn("figure5", whole).axes[0]
    front = next(line for line in axes.get_lines() if line.get_drawstyle() == "steps-post")
    points = {(p.flops, p.interval.estimate) for p in points_of(whole, "toy")}
    assert len(points) == 1 + 4 * 2
    assert list(zip(*front.get_data(), strict=True)) == slow_front(points, True)
    assert axes.get_xscale() == "log"
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == ["1:16 (FF)\n1.12", "1:4 (FF)\n1.5", "Dense\n3"]


def test_recipes_of_a_target_never_reach_the_next_one():
    widths = _widths([8.0, 8.0, 9.0, 32.0])
    assert set(widths) == {8.0, 9.0, 32.0}
    assert widths[8.0] == widths[9.0] == pytest.approx(0.8 * np.log2(9 / 8))
    assert widths[32.0] == pytest.approx(0.1 * 2)


# Figure 6


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
    axes = mpl.figure.Figure().subplots()
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
    figure = drawn("figure6", whole)
    top, second, strip, last = figure.axes
    assert top.get_title(loc="left") == "(a) 1:4 (FF)"
    assert second.get_title(loc="left") == "(b) 1:16 (FF)"
    assert top.get_ylim() == second.get_ylim() and top.get_xlim() == strip.get_xlim()
    assert strip.get_xlabel() == "epoch"
    np.testing.assert_allclose(line_of(top, "SR-STE").get_xdata(), 1.5 * np.arange(1, 7))
    # SR-STE has one phase, its dense start two, MdGf three; no stages here.
    assert len(last.get_lines()) - 4 == 1 + 2 + 3 + 3


def test_three_targets_of_many_are_spread_and_the_rest_named():
    made = context(grid(seeds=1, targets=SIX_TARGETS))
    assert chosen_targets(made, "toy") == ["2:4(FF)", "1:8(FF)", "1:128(FF)"]
    title = drawn("figure6", made).legends[0].get_title().get_text().replace("\n", " ")
    assert "Targets not drawn: 1:4 (FF), 1:16 (FF), 1:32 (FF)." in title
    assert "Targets not drawn" not in str(drawn("figure6", context()).legends[0].get_title())


def test_a_single_target_takes_half_a_page():
    made = context(grid(seeds=1, targets=(TARGET,)))
    figure = drawn("figure6", made)
    assert figure.get_figwidth() == WIDTH and len(figure.axes) == 2


def test_tasks_with_fewer_targets_leave_no_empty_panel():
    tasks = [grid(seeds=1, task="toy"), grid(seeds=1, task="other", targets=(TARGET,))]
    figure = drawn("figure6", context(pd.concat(tasks)))
    assert len(figure.axes) == 4 + 2
    heads = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert heads == ["(a) toy, 1:4 (FF)", "(b) 1:16 (FF)", "(a) other, 1:16 (FF)"]


def test_targets_go_from_the_densest_to_the_sparsest():
    ordered = sparsity_order(["1:16(FF)", "2:4(FF)", "1:8(FF)+1:4(QK)"])
    assert [target_label(t) for t in ordered] == ["2:4 (FF)", "1:8 (FF)+1:4 (QK)", "1:16 (FF)"]
