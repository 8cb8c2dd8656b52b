"""Figures: looks of recipes, values of curves, ends of axes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from support.figures import BY_TASK, drawn
from support.synthetic import STEPS, TARGET, context, grid, run_row, runs_frame, small

from pgf.analysis.figures.kinds.gradient_noise import noise_to_signal
from pgf.analysis.figures.series import running_mean, shown_recipes
from pgf.analysis.figures.style import LOOKS, looks
from pgf.analysis.tables.curves import by_seed


@pytest.fixture(scope="module")
def whole():
    return context(grid(seeds=2))


def test_a_recipe_has_one_color_in_every_experiment():
    first, second = looks(["dense", "sr_ste", "mine"]), looks(["other", "mine", "sr_ste"])
    assert first["sr_ste"] == second["sr_ste"] == LOOKS["sr_ste"]
    assert len({look.color for look in (first | second).values()}) == 4


def test_no_two_recipes_look_alike_in_color_or_in_gray():
    many = looks([*LOOKS, *(f"mine{i}" for i in range(5))])
    assert len({look.color for look in many.values()}) == len(many)
    assert len({(look.line, look.marker) for look in LOOKS.values()}) == len(LOOKS)
    zoo = looks([*LOOKS, *(f"mine{i}" for i in range(30))])
    assert len(set(zoo.values())) == len(zoo)


def test_curves_show_the_mean_over_seeds(whole):
    axes = drawn("second_moment", whole).axes[1]
    line = next(line for line in axes.get_lines() if line.get_label() == "SR-STE")
    values = by_seed(whole, "toy", "sr_ste", TARGET, "gradient_variance")
    assert values.shape == (13, 2)
    np.testing.assert_allclose(line.get_ydata(), values.mean(axis="columns"))
    assert to_hex(line.get_color()) == LOOKS["sr_ste"].color
    assert axes.get_yscale() == "log"


def test_a_dense_run_is_seen_through_one_mask_at_a_time(whole):
    first, second = (by_seed(whole, "toy", "dense", t, "flip_rate") for t in whole.targets)
    pd.testing.assert_frame_equal(second, 2 * first)


def test_running_mean_by_hand():
    values = pd.DataFrame({0: [2.0, 4.0, 9.0]})
    assert list(running_mean(values)[0]) == [2.0, 3.0, 5.0]


def test_noise_to_signal_leaves_out_steps_without_signal(whole):
    curves = whole.curves.copy()
    gone = (curves["name"] == "noise_signal") & (curves["step"] < 40)
    curves.loc[gone, "value"] = -1.0
    made = context(whole.runs)
    made = replace(made, curves=curves)
    ratio = noise_to_signal(made, "toy", "sr_ste", TARGET)
    assert (ratio.index >= 40).all()
    # The two differ by a factor of ten at every step of every run.
    np.testing.assert_allclose(ratio["ratio"], 10.0)


def test_the_points_of_a_figure_by_target_are_the_means():
    runs = runs_frame({("sr_ste", TARGET): [4.0, 8.0], ("mdgf_linear", TARGET): [1.0, 3.0]})
    axes = drawn("metric_by_target", context(runs)).axes[0]
    points = [container.lines[0].get_xdata()[0] for container in axes.containers]
    assert points == [6.0, 2.0]


def test_unknown_recipes_are_shown_when_there_are_no_others():
    rows = [run_row("mine", TARGET, seed, 1.0) for seed in range(2)]
    made = context(pd.DataFrame(rows), baselines=())
    assert shown_recipes(made, "toy") == ("mine",)


@pytest.mark.parametrize("name", sorted(name for name in BY_TASK if name.startswith("metric_")))
def test_an_axis_of_percent_ends_where_percent_end(name):
    made = small({"sr_ste": [97.0, 99.0, 99.9, 99.9, 99.9, 99.9], "mdgf_linear": [99.0] * 6})
    axes = drawn(name, made).axes
    limits = [p.get_ylim() for p in axes if p.get_ylabel().startswith("accuracy")]
    limits += [p.get_xlim() for p in axes if p.get_xlabel().startswith("accuracy")]
    assert limits and all(low >= 0 and high <= 100 for low, high in limits)


@pytest.mark.parametrize("name", ["gradient_noise", "masks"])
def test_panels_of_curves_show_the_whole_of_training(name):
    panels = [p for p in drawn(name, context()).axes if p.get_xlabel() == "step"]
    assert panels and {p.get_xlim() for p in panels} == {(0, STEPS)}
