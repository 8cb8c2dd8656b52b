"""The metric against sparsity, and at equal FLOPs and equal epochs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from support.figures import drawn, line_of
from support.synthetic import TARGET, context, grid

from pgf.analysis.figures.evaluations import (
    by_epoch,
    by_flops,
    by_share,
    evaluations,
)
from pgf.analysis.figures.kinds.metric_by_sparsity import shown_targets
from pgf.analysis.figures.series import every_shown
from pgf.analysis.figures.style import LOOKS


@pytest.fixture(scope="module")
def whole():
    return context(grid(seeds=2))


def test_sparsity_is_drawn_by_target_with_the_reduction_of_flops(whole):
    (axes,) = drawn("metric_by_sparsity", whole).axes
    # 3 GFLOPs, of which 2 keep a quarter, or a sixteenth: 3 / 1.5 and 3 / 1.125.
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == ["75%\n2x", "93.75%\n2.67x"]
    container = axes.containers[0]
    np.testing.assert_allclose(container.lines[0].get_xdata(), axes.get_xticks(), atol=0.5)
    runs = whole.runs[whole.runs["recipe"] == "sr_ste"]
    means = [runs.loc[runs["target"] == t, "final"].mean() for t in ("1:4(FF)", TARGET)]
    np.testing.assert_allclose(container.lines[0].get_ydata().astype(float), means)


def test_targets_of_other_layer_groups_stay_out_of_the_sparsity_axis():
    targets = ("1:16(FF)", "1:4(FF)", "1:16(FF)+1:4(QK)")
    assert shown_targets(context(grid(seeds=1, targets=targets)), "toy") == ["1:4(FF)", "1:16(FF)"]


def test_evaluations_are_placed_by_flops_and_by_share(whole):
    flops, share = drawn("metric_at_equal_cost", whole).axes
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
    low, high = drawn("metric_at_equal_cost", whole).axes[1].get_ylim()
    curves = whole.curves[(whole.curves["name"] == "accuracy")]
    shown = curves[curves["target"].isin([TARGET, "dense"])]
    means = shown.groupby(["recipe", "step"])["value"].mean().unstack()
    bottom, top = means[45].min(), shown["value"].max()
    margin = 0.12 * (top - bottom)
    assert (low, high) == pytest.approx((bottom - margin, top + margin))


def test_markers_are_hollow_before_the_target(whole):
    axes = drawn("metric_at_equal_cost", whole).axes[1]
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
