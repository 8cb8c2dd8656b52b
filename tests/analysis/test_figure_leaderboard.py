"""The figure of the leaderboard."""

from support.figures import drawn
from support.graded import graded
from support.synthetic import SIX

from pgf.analysis.tables.ranking import LOWEST


def test_a_share_far_below_is_an_arrow_with_its_number():
    far = [-301.2 + one for one in SIX]
    made = graded({"sr_ste": SIX, "mdgf_linear": [one + 10 for one in SIX], "wanda": far})
    axes = drawn("leaderboard", made).get_axes()[0]
    left, right = axes.get_xlim()
    assert left == LOWEST - 5 and right < 100, "one recipe far away does not squash the others"
    # Random -60, dense 40: -297.7 is 237.7 points below random.
    assert [text.get_text() for text in axes.texts] == ["-238"]


def test_without_such_a_share_nothing_is_written():
    made = graded({"sr_ste": SIX, "mdgf_linear": [one + 10 for one in SIX]})
    axes = drawn("leaderboard", made).get_axes()[0]
    assert not axes.texts and axes.get_xlim()[0] > -10
