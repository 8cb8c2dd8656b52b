"""Tables and figures of two tasks that have little in common: laws over the registries."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from support.figures import BY_TASK, drawn
from support.grids import WORDS, WORDS_TARGETS, two_grids
from support.synthetic import RECIPES, TARGETS
from support.texts_of_tables import words_of

from pgf.analysis.tables import TABLES, table_names
from pgf.analysis.tables.context import target_label
from pgf.analysis.tables.render import to_markdown
from pgf.analysis.tables.terminal import terminal_view

every_table = pytest.mark.parametrize("name", table_names())
table_by_task = pytest.mark.parametrize(
    "name", sorted(set(table_names()) - {"leaderboard", "lengths"})
)
figure_by_task = pytest.mark.parametrize("name", BY_TASK)


@pytest.fixture(scope="module")
def both():
    return two_grids()


@table_by_task
def test_a_section_shows_its_own_targets_and_recipes_alone(both, name):
    toy, words = (
        " ".join(
            text
            for block in section.blocks
            if name != "claims"
            for text in (block.title, *block.header, *words_of(block))
        )
        for section in TABLES[name](both).sections
    )
    assert "1:64 (FF)" not in toy and "sdgf_stepwise" not in toy
    assert "1:4 (FF)" not in words and "MdGf-Exponential" not in words


@table_by_task
def test_the_csv_of_a_table_holds_each_task_s_own_cells(both, name):
    data = TABLES[name](both).data
    own = data[data["task"] == "words"]
    cells = {*WORDS_TARGETS, "dense"} | ({""} if name == "claims" else set())
    assert not own.empty and set(own["target"]) <= cells | set(PAPER_TARGETS)
    asked = own[own.get("reason", "") == ""] if name == "claims" else own
    here = asked[asked["view"] != "paper"] if "view" in asked else asked
    assert set(here["recipe"]) <= set(WORDS)


PAPER_TARGETS = ("1:32(FF)", "1:128(FF)")
"""Targets of Table 5 that the task has no runs for."""


@every_table
def test_no_cell_of_a_table_is_nan(both, name):
    assert "nan" not in re.findall(r"\w+", to_markdown(TABLES[name](both)))


def test_seeds_are_each_task_s_own(both):
    captions = [section.caption for section in TABLES["accuracy"](both).sections]
    assert ["n = 6 seeds" in captions[0], "n = 3 seeds" in captions[1]] == [True, True]
    assert "(n=" not in terminal_view(both)


def test_a_baseline_that_a_task_lacks_is_not_compared_there():
    made = two_grids(baselines=("sr_ste", "mdgf_exponential"))
    toy, words = TABLES["differences"](made).sections
    assert [len(section.blocks) for section in (toy, words)] == [2, 1]
    alone = TABLES["differences"](two_grids(baselines=("mdgf_exponential",))).sections[1]
    assert alone.blocks == () and "No baseline" in " ".join(alone.notes)


def test_metrics_are_named_in_words(both):
    assert "token_accuracy" not in to_markdown(TABLES["accuracy"](both))
    assert "token accuracy after the last step" in terminal_view(both)


@figure_by_task
def test_no_panel_is_empty(both, name):
    for task in both.tasks:
        figure = drawn(name, both.only((task,)))
        assert all(axes.get_lines() for axes in figure.axes)
        said = " ".join(text.get_text() for text in figure.findobj(mpl.text.Text))
        assert "record no" not in said


@figure_by_task
def test_a_figure_names_the_recipes_of_its_task_alone(both, name):
    for task, own in (("toy", set(RECIPES.values())), ("words", {*WORDS})):
        figure = drawn(name, both.only((task,)))
        texts = {text.get_text() for text in figure.findobj(mpl.text.Text)}
        known = {RECIPES.get(recipe, recipe) for recipe in (*RECIPES, *WORDS)}
        assert texts & known == {RECIPES.get(recipe, recipe) for recipe in own}


@figure_by_task
def test_the_axis_of_steps_ends_with_training(name):
    made = two_grids(shorter=3)
    for task in made.tasks:
        for axes in drawn(name, made.only((task,))).axes:
            if axes.get_xlabel() in ("step", "epoch"):
                ends = [np.max(x) for line in axes.get_lines() if len(x := line.get_xdata())]
                assert axes.get_xlim()[1] < 1.2 * max(ends)


def test_targets_of_both_are_in_one_order(both):
    assert both.targets == (*TARGETS, "1:64(FF)")
    assert [target_label(t) for t in both.targets_of("words")] == ["1:16 (FF)", "1:64 (FF)"]
