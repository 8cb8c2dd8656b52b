"""Recovered share by length: what is shown, where claims are judged, and what long enough means."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from support.figures import RANKS, drawn
from support.graded import CONTROLS
from support.synthetic import TARGET, context, runs_frame

from pgf.analysis.figures import figure_files, figure_names, subjects_of
from pgf.analysis.figures.timeline import timeline
from pgf.analysis.figures.write import captions_of, draw_figure, write_figures
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.kinds.claims import findings_of
from pgf.analysis.tables.lengths import fall_of_doubling, gain_of_doubling, long_enough
from pgf.analysis.tables.ranking import graded_cells
from pgf.analysis.tables.recorded import of_dense
from pgf.analysis.tables.terminal import terminal_view

STEPS = {"toy_100": 100, "toy_200": 200, "toy_400": 400}
SHARES = {"toy_100": 80.0, "toy_200": 40.0, "toy_400": -20.0}
"""Recovered share of MdGf-Linear in percent: it falls with length."""
DENSE = {"toy_100": 10.0, "toy_200": 36.0, "toy_400": 40.0}


def runs_of(task: str) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    dense, random = DENSE[task], CONTROLS["random_mask"]
    own = random + SHARES[task] / 100 * (dense - random)
    finals = {
        ("dense", "dense"): [dense] * 6,
        ("random_mask", TARGET): [random] * 6,
        ("removed", TARGET): [CONTROLS["removed"]] * 6,
        ("sr_ste", TARGET): list(random + 20 + rng.normal(0, 0.1, 6)),
        ("mdgf_linear", TARGET): [own] * 6,
    }
    return runs_frame(finals, task=task).assign(n_steps=STEPS[task])


@pytest.fixture(scope="module")
def made():
    runs = pd.concat(map(runs_of, STEPS), ignore_index=True)
    return replace(context(runs, published={}), families={"toy": tuple(STEPS)})


def test_the_share_of_every_length(made):
    rows = TABLES["lengths"](made).data
    own = rows[rows["recipe"] == "mdgf_linear"].set_index("task")
    assert own["recovered"].to_dict() == pytest.approx(SHARES)
    assert own["steps"].to_dict() == STEPS
    texts = [c.text for r in TABLES["lengths"](made).sections[0].blocks[1].rows for c in r]
    assert "+80 [+80, +80]" in texts


@given(st.floats(0.05, 3.0), st.floats(0.1, 10.0), st.sampled_from([(1, 2, 4), (3, 12, 24)]))
def test_a_power_law_is_continued(exponent, factor, steps):
    def loss(n):
        return 1.5 + factor * (100 * n) ** -exponent

    known = [loss(n) for n in steps]
    fall = fall_of_doubling([100 * n for n in steps], known)
    assert fall == pytest.approx(loss(steps[-1]) - loss(2 * steps[-1]), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("losses", [(3.0, 2.8, 2.3), (3.0, 2.9, 2.7), (3.0, 3.5, 3.2), (3, 2, 2.1)])
def test_where_no_power_law_fits_the_last_fall_is_taken(losses):
    assert fall_of_doubling((100, 200, 800), losses) == pytest.approx((losses[1] - losses[2]) / 2)
    assert fall_of_doubling((200, 800), losses[1:]) == pytest.approx((losses[1] - losses[2]) / 2)


def test_the_gain_of_a_doubling_is_a_share_of_the_gap(made):
    # It falls by 26, then by 4: by 4 * 4/26 the next time.
    gain = gain_of_doubling(made, "toy", TARGET)
    assert gain.estimate == pytest.approx(100 * 4 * 4 / 26 / 100) and gain.n == 0
    assert long_enough(gain) == "yes"
    two = {"toy": ("toy_100", "toy_200")}
    shorter = replace(made, runs=made.runs[made.runs["task"] != "toy_400"], families=two)
    gain = gain_of_doubling(shorter, "toy", TARGET)
    assert gain.estimate == pytest.approx(100 * 26 / 96) and long_enough(gain) == "no"
    one = replace(made, runs=made.runs[made.runs["task"] == "toy_100"])
    assert long_enough(gain_of_doubling(one, "toy", TARGET)) == "-"


def doubled(made, finals):
    """Return the context with dense runs of twice the longest length."""
    twice = runs_frame({("dense_doubled", "dense"): finals}, task="toy_400")
    more = {name: 2 * twice[name] for name in ("flops.training", "flops.training_dense")}
    runs = pd.concat([made.runs, twice.assign(n_steps=800, **more)], ignore_index=True)
    recipes = (*made.recipes, ("dense_doubled", "Dense, twice the steps"))
    return replace(made, runs=runs, recipes=recipes)


def test_the_gain_of_a_doubling_is_measured_where_dense_was_trained_for_twice_as_long(made):
    # Random mask - dense is 100 at the longest length; twice as long ends 2 lower.
    longer = doubled(made, [42.0] * 6)
    assert gain_of_doubling(longer, "toy", TARGET).estimate == pytest.approx(2.0)
    (section,) = TABLES["lengths"](longer).sections
    assert [c.text for c in section.blocks[0].rows[0]][1:] == ["2% [2, 2]", "6", "yes"]
    for name in TABLES:
        assert TABLES[name](longer).sections, name
    assert graded_cells(longer) == graded_cells(made), "it is no recipe that is ranked"


@pytest.mark.parametrize(
    ("finals", "expected"),
    [
        ([42.0, 43.0, 42.0, 43.0, 42.0, 43.0], "yes"),
        ([44.0, 54.0, 44.0, 54.0, 44.0, 54.0], "not settled"),
        ([61.0, 62.0, 61.0, 62.0, 61.0, 62.0], "no"),
        ([42.0] * 5 + [None], "-"),
        ([42.0], "not settled"),
    ],
)
def test_a_length_is_long_enough_if_the_whole_interval_says_so(made, finals, expected):
    longer = doubled(made, finals)
    assert long_enough(gain_of_doubling(longer, "toy", TARGET)) == expected
    (row,) = TABLES["lengths"](longer).sections[0].blocks[0].rows
    assert row[-1].text == expected


def test_a_column_of_twice_the_length_moves_no_other_column_in_a_figure(made):
    longer = doubled(made, [42.0] * 6)
    own, more = made.only(("toy_400",)), longer.only(("toy_400",))
    assert of_dense(more, "toy_400", "n_steps") == 400
    assert timeline(own, "toy_400", "mdgf_linear", TARGET).total == 400
    for name in ("metric_over_training", "metric_at_equal_cost", "second_moment"):
        pairs = zip(drawn(name, own).axes, drawn(name, more).axes, strict=True)
        for before, after in pairs:
            assert before.get_xlim() == after.get_xlim(), name
            assert len(before.get_lines()) == len(after.get_lines()), name


def test_verdicts_ranks_and_other_figures_are_of_the_longest_length_alone(made):
    assert {f.question.task for f in findings_of(made)} == {"toy_400"}
    assert {task for task, _ in graded_cells(made)} == {"toy_400"}
    assert made.longest().tasks == ("toy_400",)
    assert set(TABLES["differences"](made).data["task"]) == set(STEPS)
    alone = replace(made, families={})
    assert alone.longest() is alone


def test_the_figure_draws_every_length(made):
    (panel,) = drawn("share_by_length", made).axes
    assert list(panel.get_xticks()) == [100, 200, 400]


def test_an_experiment_without_lengths_says_so(made):
    table = TABLES["lengths"](replace(made, families={}))
    assert table.data.empty and "at several lengths" in table.sections[0].caption


@pytest.mark.parametrize("name", sorted(RANKS))
def test_figures_of_shares_can_be_read(made, name):
    figure = drawn(name, made)
    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7
    said = {text.get_text() for text in texts}
    assert {"SR-STE", "MdGf-Linear"} <= said


def test_nothing_is_judged_in_the_place_of_a_longest_length_without_runs(made):
    partial = replace(made, runs=made.runs[made.runs["task"] != "toy_400"])
    assert partial.absent_longest == ("toy_400",)
    assert long_enough(gain_of_doubling(partial, "toy", TARGET)) == "-"
    (section,) = TABLES["claims"](partial).sections
    assert "no run is there of `toy_400`" in section.caption and not section.blocks
    assert "`toy_400`" in TABLES["leaderboard"](partial).sections[0].notes[0]
    assert "`toy_400`" in terminal_view(partial)
    assert "`toy_400`" in captions_of(partial, ["masks"]).sections[0].caption
    assert "`toy_400`" in captions_of(partial, ["share_by_length"]).sections[0].caption
    for name in figure_names():
        for subject in subjects_of(name, partial.expected_tasks, partial.families):
            svg = draw_figure(name, partial, subject)[".svg"].decode()
            assert ("No run is there of toy_400" in svg) == (subject == "toy_400")


def test_a_partial_experiment_has_the_files_that_the_workflow_expects(made, tmp_path):
    partial = replace(made, runs=made.runs[made.runs["task"] != "toy_400"])
    names = ["masks", "share_by_length", "leaderboard"]
    written = write_figures(partial, tmp_path, names=names)
    assert tuple(p.name for p in written) == figure_files(STEPS, made.families, names=names)


def test_diverged_runs_are_marked_in_their_cell(made):
    runs = made.runs.copy()
    mine = (runs["task"] == "toy_400") & (runs["recipe"] == "mdgf_linear")
    runs.loc[mine, ["status", "final"]] = ["diverged", np.nan]
    table = TABLES["lengths"](replace(made, runs=runs))
    texts = [c.text for r in table.sections[0].blocks[1].rows for c in r]
    assert [text for text in texts if "†" in text] == [t for t in texts if t.endswith("†6")] != []


def test_shares_above_dense_are_drawn(made):
    runs = made.runs.copy()
    mine = (runs["task"] == "toy_400") & (runs["recipe"] == "mdgf_linear")
    runs.loc[mine, ["final", "best"]] = 120.0
    axes = drawn("share_by_length", replace(made, runs=runs)).axes[0]
    assert axes.get_ylim()[1] > 170


def test_a_recipe_below_every_panel_is_named(made):
    def said(context):
        return " ".join(text.get_text() for text in drawn("share_by_length", context).findobj(Text))

    assert "Below -60 throughout" not in said(made)
    runs = made.runs.copy()
    runs.loc[runs["recipe"] == "mdgf_linear", ["final", "best"]] = -500.0
    assert "Below -60 throughout: MdGf-Linear." in said(replace(made, runs=runs))


def test_points_of_the_figure_are_those_of_the_table(made):
    axes = drawn("share_by_length", made).axes[0]
    lines = {tuple(round(float(y), 6) for y in line.get_ydata()) for line in axes.get_lines()}
    assert tuple(SHARES.values()) in lines
