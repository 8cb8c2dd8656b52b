"""The leaderboard: a row recomputed from the runs alone, groups, and what stays out."""

import numpy as np
import pandas as pd
import pytest
from support.graded import CONTROLS, graded
from support.synthetic import SIX, context, runs_frame

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.ranking import places_of

TARGETS = ("1:4(FF)", "1:16(FF)")
SHIFTS = {"sr_ste": -30.0, "mdgf_linear": 5.0, "sdgf_stepwise": 5.2}


def task(name, *, grades=True):
    """Return the runs of a task: SR-STE, and two recipes above it that hardly differ."""
    rng = np.random.default_rng(len(name))
    finals = {("dense", "dense"): [CONTROLS["dense"]] * 6}
    for target in TARGETS:
        for control in ("random_mask", "removed")[: 2 if grades else 1]:
            # Tasks and targets differ, or they would be taken for the same runs.
            finals[control, target] = [CONTROLS[control] - len(name + target) / 1e6] * 6
        for recipe, shift in SHIFTS.items():
            finals[recipe, target] = list(shift + rng.normal(0, 2.0, 6))
    runs = runs_frame(finals, task=name)
    return runs.assign(average_density=0.5)


@pytest.fixture(scope="module")
def two_tasks():
    return context(pd.concat([task("toy"), task("other")], ignore_index=True), published={})


def test_a_row_recomputed_from_the_runs_alone(two_tasks):
    line = TABLES["leaderboard"](two_tasks).data.set_index("recipe").loc["mdgf_linear"]
    means = two_tasks.runs.groupby(["task", "target", "recipe"])["final"].mean()
    shares = []
    for name in ("toy", "other"):
        dense = means[name, "dense", "dense"]
        for target in TARGETS:
            random, own = means[name, target, "random_mask"], means[name, target, "mdgf_linear"]
            shares.append(100 * (own - random) / (dense - random))
    assert line["recovered"] == pytest.approx(np.mean(shares))
    assert line["low"] < line["recovered"] < line["high"] and line["cells"] == 4
    assert (line["better_than_sr_ste"], line["compared"]) == (4, 4)
    costs = two_tasks.runs[two_tasks.runs["recipe"] == "mdgf_linear"]
    flops = (costs["flops.training"] / costs["flops.training_dense"]).mean()
    assert line["training_flops"] == pytest.approx(flops)
    assert line["average_density"] == pytest.approx(0.5)


def test_recipes_are_sorted_and_those_that_are_not_told_apart_are_one_group(two_tasks):
    places = places_of(two_tasks)
    assert {place.recipe for place in places[:2]} == {"mdgf_linear", "sdgf_stepwise"}
    assert [place.group for place in places] == [1, 1, 2]
    assert places[2].recipe == "sr_ste" and places[2].compared == 0
    assert [place.share.estimate for place in places] == sorted(
        (place.share.estimate for place in places), reverse=True
    )


def test_what_does_not_grade_stays_out():
    runs = pd.concat([task("toy"), task("other", grades=False)], ignore_index=True)
    assert {place.share.n for place in places_of(context(runs, published={}))} == {2}
    table = TABLES["leaderboard"](context(task("toy", grades=False), published={}))
    assert table.data.empty
    assert "No task grades recipes" in table.sections[0].notes[0]


def test_targets_of_a_task_are_drawn_together():
    # Both targets have the same losses, but for the random mask: one is no more than the other.
    runs = task("toy").sort_values(["target", "recipe", "seed"])
    sparse, values = runs["target"] != "dense", ["final", "best"]
    first = runs.loc[sparse & (runs["target"] == TARGETS[0]), values].to_numpy()
    runs.loc[sparse & (runs["target"] == TARGETS[1]), values] = first
    last = (runs["target"] == TARGETS[1]) & (runs["recipe"] == "random_mask")
    runs.loc[last, values] -= 1e-6
    both = places_of(context(runs, published={}))[0].share
    alone = places_of(context(runs[runs["target"] != TARGETS[1]], published={}))[0].share
    assert (both.n, alone.n) == (2, 1)
    assert (both.low, both.high) == pytest.approx((alone.low, alone.high), abs=1e-4)


def test_runs_that_two_experiments_share_count_once():
    few, many = task("toy"), task("toy").assign(task="other")
    few = few[few["recipe"] != "sdgf_stepwise"]
    made = context(pd.concat([few, many], ignore_index=True), published={})
    places = places_of(made)
    assert {place.recipe for place in places} == set(SHIFTS)
    assert {place.share.n for place in places} == {2}


def test_anchors_alone_are_said_to_be_alone():
    runs = task("toy")
    alone = runs[runs["recipe"].isin(["dense", "random_mask", "removed"])]
    table = TABLES["leaderboard"](context(alone, published={}, baselines=()))
    assert table.data.empty and "none has runs" in table.sections[0].notes[0]


def test_anchors_have_no_rows_of_their_own():
    places = places_of(graded({"sr_ste": SIX, "mdgf_linear": SIX}))
    assert {place.recipe for place in places} == {"sr_ste", "mdgf_linear"}
