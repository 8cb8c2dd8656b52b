"""Thirds of training, noise to signal, and the masks of dense runs."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from support.synthetic import TARGET, context, curve_rows, run_row

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.phases import nearest_target, phase_means, values_by_seed


@pytest.fixture(scope="module")
def whole():
    return context()


def phases_of(values, name="gradient_variance", reference=""):
    run = run_row("sr_ste", TARGET, 0, 1.0)
    curves = curve_rows(run, name, values, reference)
    return phase_means(pd.DataFrame([run]), curves)


def test_thirds_are_means_over_their_samples():
    # Steps 1, 30, 60, 90 of 90: one in the first third, one in the second, two in the last
    means = phases_of([1.0, 2.0, 4.0, 8.0]).set_index("phase")["value"].to_dict()
    assert means == {"early": 1.0, "middle": 2.0, "late": 6.0, "whole": 3.75}


def test_a_third_begins_at_its_step():
    # Every step of 90: 1..29 are early, 30..59 in the middle, 60..90 late
    means = phases_of([float(step) for step in range(1, 91)]).set_index("phase")["value"]
    assert means[["early", "middle", "late"]].tolist() == [15.0, 44.5, 75.0]


@pytest.mark.parametrize(
    ("signals", "ratio"), [([2.0, 1.0, 3.0], 5.0), ([8.0, -2.0, 0.0], 5.0), ([1, -3, 1], None)]
)
def test_noise_to_signal_is_a_ratio_of_means_over_all_seeds(signals, ratio):
    runs = [run_row("sr_ste", TARGET, seed, 1.0) for seed in range(3)]
    curves = [
        curve_rows(run, name, [value])
        for run, noise, signal in zip(runs, [6.0, 10.0, 14.0], signals, strict=True)
        for name, value in (("noise_variance", noise), ("noise_signal", signal))
    ]
    made = replace(context(), runs=pd.DataFrame(runs), curves=pd.concat(curves))
    data = TABLES["gradient_noise"](made).data
    row = data[data["statistic"] == "noise_to_signal"].iloc[0]
    assert row["n"] == 3
    assert row["mean"] == pytest.approx(ratio) if ratio else math.isnan(row["mean"])
    has_interval = min(sum(signals) - signal for signal in signals) > 0
    assert (row["low"] < row["mean"] < row["high"]) == has_interval


def test_a_running_average_is_over_all_samples_so_far():
    means = phases_of([2.0, 4.0, 9.0, 1.0], name="second_moment_variance")
    running = means[means["name"] == "second_moment_variance_running"].set_index("phase")["value"]
    # 2, 3, 5, 4: one sample in the first third, one in the second, two in the last
    assert running[["early", "middle", "late"]].tolist() == [2.0, 3.0, 4.5]


def test_diverged_runs_give_no_statistics():
    run = run_row("sr_ste", TARGET, 0, None)
    assert phase_means(pd.DataFrame([run]), curve_rows(run, "flip_rate", [1.0], TARGET)).empty


def test_a_dense_run_is_seen_through_the_mask_of_each_target(whole):
    means = phase_means(whole.runs, whole.curves)
    keys = {"task": "toy", "recipe": "dense", "phase": "early"}
    at = {t: values_by_seed(means, target=t, name="flip_rate", **keys) for t in whole.targets}
    plain = values_by_seed(means, target=TARGET, name="gradient_norm", **keys)
    assert [len(values) for values in (*at.values(), plain)] == [6, 6, 6]
    data = TABLES["gradient_noise"](whole).data
    dense = data[(data["recipe"] == "dense") & (data["statistic"] == "flip_rate")]
    assert set(dense["target"]) == set(whole.targets)
    assert set(dense["n"]) == {6}
    first, second = (dense[dense["target"] == target]["mean"].iloc[0] for target in whole.targets)
    assert second == pytest.approx(2 * first)


def test_gradient_noise_covers_every_statistic_recipe_and_third(whole):
    data = TABLES["gradient_noise"](whole).data
    assert len(data) == 2 * 15 * 3 * 5  # targets, statistics, thirds, recipes
    assert data["mean"].notna().all()


@pytest.mark.parametrize(
    ("targets", "nearest"),
    [(("1:4(FF)", "1:16(FF)"), "1:16(FF)"), (("2:4(FF)", "1:64(FF)"), "1:64(FF)"), ((), None)],
)
def test_the_target_nearest_one_in_sixteen(targets, nearest):
    assert nearest_target(targets) == nearest
