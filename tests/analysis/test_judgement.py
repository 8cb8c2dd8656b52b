"""The rule for a comparison and for a claim over targets: every verdict, and how often it errs."""

import numpy as np
import pytest

from pgf.analysis.power import smallest_effect
from pgf.analysis.tables.judgement import expected_by_chance, judge
from pgf.analysis.tables.verdicts import VERDICTS, overall
from pgf.experiments.settings import AnalysisSettings

RULE = AnalysisSettings()
UP = [1.0, 1.1, 0.9, 1.2, 0.8, 1.0]
UNSURE = [1.0, -1.0, 2.0, -2.0, 0.5, -0.4]


@pytest.mark.parametrize(
    ("gains", "margin", "margin_first", "expected"),
    [
        (UP, np.nan, True, "better"),
        ([-x for x in UP], np.nan, True, "worse"),
        (UNSURE, np.nan, True, "not settled"),
        (UP, 0.5, True, "better"),
        # A difference that is found and does not matter.
        (UP, 5.0, True, "no effect"),
        (UP, 5.0, False, "better"),
        (UNSURE, 5.0, False, "no effect"),
        # The interval must lie within the margin, not the mean alone.
        (UNSURE, 1.0, True, "not settled"),
        ([3.0], np.nan, True, "not settled"),
        ([], 1.0, True, "not settled"),
        ([0.0] * 6, np.nan, True, "not settled"),
    ],
)
def test_a_comparison_is_judged_by_its_interval_and_p(gains, margin, margin_first, expected):
    made = judge("1:4(FF)", gains, analysis=RULE, margin=margin, margin_first=margin_first)
    assert made.verdict == expected


def compared(*families, margin=np.nan):
    return [
        judge(f"1:{4 * i}(FF)", f, analysis=RULE, margin=margin) for i, f in enumerate(families, 1)
    ]


# p of the t-test is 0.03: found alone, and not after Holm over two.
BARELY = [-0.6, -0.2, -1.5, -0.9, 0.1, -0.5]


@pytest.mark.parametrize(
    ("families", "margin", "excluded", "expected"),
    [
        ((UP, UP), np.nan, False, "reproduced"),
        ((UP, UP), np.nan, True, "reproduced"),
        ((UP, UNSURE), np.nan, False, "not settled"),
        ((UP, [-x for x in UP]), np.nan, False, "opposite"),
        ((UNSURE, UP), np.nan, True, "excluded"),
        ((UNSURE, [x / 2 for x in UNSURE]), 5.0, False, "no effect"),
        ((BARELY,), np.nan, False, "opposite"),
        ((UNSURE, BARELY), np.nan, False, "not settled"),
    ],
)
def test_a_claim_holds_at_every_target_or_not(families, margin, excluded, expected):
    assert expected in VERDICTS
    assert overall(compared(*families, margin=margin), RULE, excluded=excluded) == expected


def simulated(effect, *, targets=3, seeds=6, experiments=2000):
    """Return the verdicts of experiments whose true gain is `effect` standard deviations."""
    rng = np.random.default_rng(11)
    samples = rng.normal(effect, 1.0, (experiments, targets, seeds))
    return [overall(compared(*sample), RULE) for sample in samples]


def test_without_an_effect_few_experiments_are_wrong():
    found = simulated(0.0)
    wrong = sum(verdict in ("reproduced", "opposite") for verdict in found)
    assert wrong / len(found) <= 0.05


def test_an_effect_of_the_planned_size_is_found():
    # At three targets each must be found: the power at each is the cube root.
    effect = smallest_effect(6, 1.0, alpha=RULE.alpha, power=0.8 ** (1 / 3))
    found = simulated(effect)
    assert found.count("reproduced") / len(found) >= 0.8 - 0.03
    assert found.count("opposite") == 0


def test_how_many_are_found_by_chance_is_said():
    assert "about 1 of them" in expected_by_chance(compared(*[UP] * 20), RULE)
    assert expected_by_chance(compared(UP), RULE) == ""
