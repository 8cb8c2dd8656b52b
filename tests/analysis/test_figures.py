"""Figures: laws over the registry, and what stands in them."""

import struct
from dataclasses import replace
from html import unescape

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import yaml
from support.figures import BY_TASK, drawn
from support.synthetic import (
    PAPER,
    RECIPES,
    TARGET,
    context,
    grid,
    runs_frame,
    without_costs,
)

from pgf.analysis.figures import CAPTIONS, FIGURES, figure_files, figure_names, subjects_of
from pgf.analysis.figures.style import DPI, FULL, WIDTH
from pgf.analysis.figures.write import captions_of, draw_figure, write_figures
from pgf.errors import UserError

every_figure = pytest.mark.parametrize("name", figure_names())
figure_by_task = pytest.mark.parametrize("name", BY_TASK)
ROWS = "metric_by_target"
"""The figure whose rows name the recipes; it has no legend."""


@pytest.fixture(scope="module")
def whole():
    return replace(context(grid(seeds=2)), families={"toy": ("toy",)})


def subject(name):
    """Return what a figure of the made-up runs is of: they are one task, of one length."""
    return "" if name == "leaderboard" else "toy"


def test_every_module_of_kinds_is_the_figure_of_its_name():
    assert [FIGURES[name].draw.__name__ for name in figure_names()] == list(figure_names())


def test_files_are_named_before_any_data_is_read(whole, tmp_path):
    written = write_figures(whole, tmp_path)
    named = figure_files(["toy"], whole.families)
    assert tuple(path.name for path in written) == named
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(named)
    picture = (tmp_path / "metric_by_sparsity-toy.png").read_bytes()
    width, height = struct.unpack(">II", picture[16:24])
    assert width == round(WIDTH * DPI) >= height


def test_every_task_has_a_file_of_its_own_and_of_lengths_the_longest():
    families = {"lm": ["lm_1", "lm_2"]}
    tasks = ["lm_1", "toy", "lm_2"]
    assert subjects_of("masks", tasks, families) == ("toy", "lm_2")
    assert subjects_of("share_by_length", tasks, families) == ("lm",)
    assert subjects_of("leaderboard", tasks, families) == ("",)
    names = ["masks", "leaderboard", "share_by_length"]
    pictures = {name for name in figure_files(tasks, families, names=names) if ".png" in name}
    assert pictures == {
        *("masks-toy.png", "masks-lm_2.png"),
        *("leaderboard.png", "share_by_length-lm.png"),
    }


@every_figure
def test_the_same_runs_give_the_same_bytes_and_no_setting_changes(whole, name):
    before = dict(mpl.rcParams)
    assert draw_figure(name, whole, subject(name)) == draw_figure(name, whole, subject(name))
    assert dict(mpl.rcParams) == before


@every_figure
def test_a_figure_is_half_a_page_wide_or_a_whole_one_and_no_taller(whole, name):
    width, height = drawn(name, whole).get_size_inches()
    assert width in (WIDTH, FULL) and height <= width


@every_figure
def test_a_figure_of_runs_without_costs_and_phases_draws(whole, name):
    figure = drawn(name, without_costs(whole))
    said = " ".join(text.get_text() for text in figure.findobj(mpl.text.Text))
    lacking = {
        "metric_by_sparsity": ("no inference FLOPs known",),
        "metric_at_equal_cost": ("record no training FLOPs",),
        "metric_by_inference_flops": ("record no inference FLOPs",),
        "metric_over_training": ("phases not recorded", "stages are not recorded"),
    }
    assert all(text in said.replace("their\n", "their ") for text in lacking.get(name, ()))
    assert not any(text in said for text in ("nan", "not recorded")) or name in lacking


@every_figure
def test_every_figure_has_a_caption_beside_what_the_paper_s_own_is_worth(whole, name, tmp_path):
    remarks = {"second_moment": ("the paper's axis",), "2": ("of a table",)}
    made = replace(whole, remarks=remarks)
    section = captions_of(made, [name]).sections[0]
    assert section.caption == FIGURES[name].caption(made)
    assert len(section.caption) > 100 and section.caption.endswith(".")
    assert section.notes == remarks.get(name, ())
    written = write_figures(made, tmp_path, names=[name])
    assert tuple(path.name for path in written[-2:]) == CAPTIONS
    assert all(section.caption in unescape(path.read_text()) for path in written[-2:])


def test_remarks_on_figures_name_figures():
    remarks = yaml.safe_load((PAPER / "remarks.yaml").read_text())
    named = {key for key in remarks if not key.isdigit()}
    follow = {name for name in figure_names() if FIGURES[name].paper in ("3", "4(a)", "4(b)", "5")}
    assert follow - {"second_moment_by_layer"} <= named <= set(figure_names())


@figure_by_task
def test_no_text_is_smaller_than_seven_points(whole, name):
    figure = drawn(name, whole)
    figure.canvas.draw()
    texts = [t for t in figure.findobj(mpl.text.Text) if t.get_text()]
    assert len(texts) > 10
    assert min(text.get_fontsize() for text in texts) >= 7


@figure_by_task
def test_the_legend_overlaps_no_panel_and_stays_inside(whole, name):
    figure = drawn(name, whole)
    figure.canvas.draw()
    legend = figure.legends[0].get_window_extent()
    lowest = min(axes.get_tightbbox().y0 for axes in figure.axes)
    assert 0 <= legend.y0 < legend.y1 <= lowest
    assert 0 <= legend.x0 < legend.x1 <= figure.bbox.x1


@figure_by_task
def test_the_legend_or_the_rows_name_every_recipe(whole, name):
    figure = drawn(name, whole)
    rows = figure.axes[0].get_yticklabels() if name == ROWS else figure.legends[0].get_texts()
    assert [text.get_text() for text in rows] == list(RECIPES.values())


@figure_by_task
def test_a_file_of_one_task_does_not_depend_on_the_others(name):
    both = context(pd.concat([grid(seeds=2, task="other"), grid(seeds=2, task="toy")]))
    one = context(grid(seeds=2))
    assert draw_figure(name, both, "toy") == draw_figure(name, one, "toy")


@every_figure
def test_titles_say_what_is_seen_and_where(whole, name):
    assert captions_of(whole, [name]).sections[0].heading.startswith(f"{name}: ")
    svg = draw_figure(name, whole, subject(name))[".svg"].decode()
    title = FIGURES[name].title.format(metric="Accuracy")
    assert (f"{title}: toy" if subject(name) else title) in words_of(svg)


def test_a_dollar_in_a_label_is_no_formula(whole):
    runs = whole.runs.assign(recipe_label=r"$\frac$ & so on")
    svg = draw_figure("metric_by_target", context(runs), "toy")[".svg"].decode()
    assert r"$\frac$ &amp; so on" in words_of(svg).replace("\\$", "$")


def words_of(svg):
    """Return the texts of a picture, which stand in it as comments beside their outlines."""
    lines = (line.strip() for line in svg.splitlines())
    return " ".join(line.strip(" -<>!") for line in lines if line.startswith("<!--"))


@figure_by_task
def test_left_out_runs_are_told_of(name):
    runs = grid(seeds=2)
    runs.loc[3, ["status", "final", "best"]] = ["diverged", np.nan, np.nan]
    legend = drawn(name, context(runs)).legends[0]
    assert "1 diverged run left out" in legend.get_title().get_text().replace("\n", " ")


@every_figure
def test_one_seed_and_one_recipe_draw(name):
    runs = runs_frame({("sr_ste", TARGET): [5.0]})
    made = replace(context(runs), families={"toy": ("toy",)})
    assert set(draw_figure(name, made, subject(name))) == {".png", ".svg"}


@every_figure
def test_dense_runs_alone_draw(name):
    dense = context(runs_frame({("dense", "dense"): [5.0, 6.0]}), baselines=())
    dense = replace(dense, families={"toy": ("toy",)})
    assert set(draw_figure(name, dense, subject(name))) == {".png", ".svg"}


def test_an_unknown_figure_is_a_user_error(whole):
    with pytest.raises(UserError, match="unknown figure 'mask': did you mean 'masks'"):
        draw_figure("mask", whole, "toy")
