"""The second moment and the gradient variance: our curves, the paper's own below them."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from support.figures import drawn, line_of
from support.synthetic import PAPER, STEPS, context, grid

from pgf.analysis.figures.kinds.second_moment import caption, published_share
from pgf.analysis.figures.style import FULL, LOOKS
from pgf.analysis.tables.published import load_curves


@pytest.fixture(scope="module")
def whole():
    """Runs of the set-up of the paper's Figure 3."""
    return context(grid(seeds=2), same_setup=("toy",))


def test_the_paper_s_curves_stand_below_ours(whole):
    curves = load_curves(PAPER / "fig3.csv")
    figure = drawn("second_moment", replace(whole, published_curves=curves))
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
    mark = drawn("second_moment", made).axes[1].get_lines()[-1]
    assert set(mark.get_xdata()) == {share * STEPS}
    assert "ends 14% of the way" in caption(made) and "toy at 1:16 (FF)" in caption(made)
    assert "the paper's own curves" not in caption(whole)


def test_the_paper_s_curves_do_not_stand_beside_another_set_up(whole):
    curves, small = load_curves(PAPER / "fig3.csv"), replace(whole.analysis, same_setup=())
    made = replace(whole, published_curves=curves, analysis=small)
    assert published_share(made) == 0 and "the paper's own curves" not in caption(made)
    assert len(drawn("second_moment", made).axes) == 2


def test_small_values_name_their_power_of_ten_beside_the_axis(whole):
    curves = whole.curves.copy()
    curves.loc[curves["name"] == "second_moment_norm", "value"] *= 1e-5
    axes = drawn("second_moment", replace(whole, curves=curves)).axes[0]
    assert axes.get_ylabel() == "in $10^{-8}$"
    formatter = axes.yaxis.get_major_formatter()
    assert formatter(2e-8, 0) == "2"
