"""Verdicts on the paper's claims."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from support.graded import at_two_targets, graded
from support.synthetic import OWN, PAPER, SIX, TARGET, curve_rows, small

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.claim_kinds import CLAIM_KINDS, Question
from pgf.analysis.tables.paper_claims import Claim, load_claims
from pgf.analysis.tables.phases import phase_means
from pgf.analysis.tables.ratios import log_ratio_by_seed
from pgf.analysis.tables.render import to_markdown
from pgf.analysis.tables.verdicts import in_scope, verdict_on
from pgf.errors import UserError

BETTER = Claim(
    id="x", text="x", source="x", kind="better", recipes=("mdgf_linear",), controls=("sr_ste",)
)


def verdict(made, claim=BETTER, control="sr_ste"):
    means = phase_means(made.runs, made.curves)
    return verdict_on(made, means, Question(claim, "toy", "mdgf_linear", control))


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        ([9.0, 10.0, 11.0, 12.0, 9.0, 10.0], "reproduced"),
        ([-9.0, -10.0, -11.0, -12.0, -9.0, -10.0], "opposite"),
        ([10.0, 10.0, 10.0, -10.0, -10.0, -9.0], "not settled"),
        ([0.1, 0.2, -0.1, 0.1, 0.3, 0.2], "no effect"),
    ],
)
def test_verdicts_follow_the_numbers(shift, expected):
    finals = [x + s for x, s in zip(SIX, shift, strict=True)]
    assert verdict(graded({"sr_ste": SIX, "mdgf_linear": finals})).verdict == expected


def test_a_claim_holds_at_every_target_of_its_scope_or_not_at_all():
    made = at_two_targets([-9.0, 9.0, -8.0, 9.0, -9.0, 9.0], [9.0, 10.0, 11.0, 9.0, 10.0, 11.0])
    assert verdict(made).verdict == "not settled"
    assert verdict(made, replace(BETTER, min_sparsity=0.9)).verdict == "reproduced"


def test_a_control_may_stand_at_another_target():
    made = at_two_targets([20.0] * 6, [9.0, 10.0, 11.0, 9.0, 10.0, 11.0])
    claim = replace(BETTER, min_sparsity=0.9, control_target="1:4(FF)")
    (comparison,) = verdict(made, claim).comparisons
    assert comparison.target == TARGET and comparison.interval.estimate == 10.0


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([-1.0, -2.0, -1.5, -1.0, -2.0, -1.2], "reproduced"),
        ([-9.0, -10.0, -9.5, -9.0, -10.0, -9.2], "opposite"),
        ([-9.0, 1.0, -4.0, -6.0, -2.0, -8.0], "not settled"),
    ],
)
def test_as_good_is_behind_by_less_than_five_points_of_recovered_share(gains, expected):
    finals = [x + gain for x, gain in zip(SIX, gains, strict=True)]
    claim = replace(BETTER, kind="as_good")
    assert verdict(graded({"sr_ste": SIX, "mdgf_linear": finals}), claim).verdict == expected


def test_in_the_paper_s_set_up_its_number_can_be_excluded():
    # Its difference at 1:16 is 0.96; the interval ends far below, and zero is in it.
    gains = [0.1, -0.2, 0.15, -0.1, 0.2, -0.1]
    finals = {"sr_ste": SIX, "mdgf_linear": [x + g for x, g in zip(SIX, gains, strict=True)]}
    own = {"analysis": {"published": {"toy": (OWN,)}}}
    found = verdict(graded(finals, **own))
    assert found.verdict == "no effect" and found.comparisons[0].margin == pytest.approx(0.957)
    wide = {**finals, "mdgf_linear": [x + 7 * g for x, g in zip(SIX, gains, strict=True)]}
    assert verdict(graded(wide, **own)).verdict == "not settled"
    lower = [x + g for x, g in zip(SIX, [0.9, -2.5, 0.3, -1.8, -1.6, 0.5], strict=True)]
    assert verdict(graded({**finals, "mdgf_linear": lower}, **own)).verdict == "excluded"


@pytest.mark.parametrize(
    ("target", "expected"),
    [("1:16(FF)", True), ("1:8(FF)", False), ("1:16(FF)+1:4(QK)", False)],
)
def test_the_scope_of_a_claim_goes_by_the_least_pruned_layers(target, expected):
    assert in_scope(replace(BETTER, min_sparsity=0.9375), target) is expected


def test_a_claim_finds_columns_by_their_roles():
    made = graded({"sr_ste": SIX, "mine": [x + 9 + x / 9 for x in SIX]})
    assert verdict(made).reason == "no runs of mdgf_linear"
    with_roles = replace(made, roles={"mdgf_linear": "mine"})
    assert verdict(with_roles).verdict == "reproduced"


@pytest.mark.parametrize(
    ("change", "control", "reason"),
    [
        ({}, "ste", "no runs of ste"),
        ({"min_sparsity": 0.99}, "sr_ste", "no target in the claim"),
        (
            {"kind": "lower_statistic", "statistic": "unheard_of"},
            "sr_ste",
            "nothing to compare at 1:16(FF): no pairs of seeds, or a mean",
        ),
    ],
)
def test_what_cannot_be_tested_says_why(change, control, reason):
    made = graded({"sr_ste": SIX, "mdgf_linear": SIX})
    found = verdict(made, replace(BETTER, **change), control)
    assert found.verdict == "not testable here"
    assert reason in found.reason


def test_a_task_that_does_not_grade_has_no_verdict():
    found = verdict(small({"sr_ste": SIX, "mdgf_linear": SIX}))
    assert found.verdict == "not testable here"
    assert "does not grade at 1:16(FF): no runs of removed and random_mask" in found.reason


def test_a_recipe_in_layers_too_narrow_for_its_stages_is_not_judged():
    made = graded({"sr_ste": SIX, "mdgf_linear": [x + 9 for x in SIX]})
    runs = made.runs.assign(pruned_layers=24, one_stage_layers=0)
    for count, expected in ((12, "reproduced"), (13, "not testable here")):
        runs.loc[runs["recipe"] == "mdgf_linear", "one_stage_layers"] = count
        found = verdict(replace(made, runs=runs.copy()))
        assert found.verdict == expected
    assert "MdGf-Linear has its last stage alone in 13 of 24 layers" in found.reason


def with_statistic(name, levels, recipes=("sr_ste", "mdgf_linear")):
    """Return a graded task whose runs have a statistic: (recipe, seed) -> its level."""
    made = graded({recipe: SIX for recipe in recipes})
    curves = [
        curve_rows(row, name, levels(row["recipe"], row["seed"]))
        for row in made.runs.to_dict("records")
    ]
    return replace(made, curves=pd.concat(curves))


def test_statistics_are_compared_as_ratios_of_means():
    level = {"mdgf_linear": 1.0}
    made = with_statistic("gradient_norm", lambda recipe, seed: [level.get(recipe, 4.0)] * 4)
    claim = replace(BETTER, kind="lower_statistic", statistic="gradient_norm")
    found = verdict(made, claim)
    assert found.verdict == "reproduced"
    assert found.comparisons[0].interval.estimate == pytest.approx(np.log(4.0))
    made = replace(made, claims=(claim,))
    assert "0.25 [0.25, 0.25]" in to_markdown(TABLES["claims"](made))


@pytest.mark.parametrize(
    ("dense", "phase", "expected"),
    [
        (0.1, "early", "reproduced"),  # samples at 1 and 30 of 90 steps: one of them is pruned
        (0.1, "late", "reproduced"),
        (0.34, "early", "not testable here"),
        (0.34, "whole", "reproduced"),
    ],
)
def test_a_phase_in_which_the_recipe_is_dense_at_every_sample_says_nothing(dense, phase, expected):
    made = with_statistic("gradient_norm", lambda recipe, seed: [5.0 - len(recipe) / 9] * 4)
    runs = made.runs.assign(**{"recipe.dense": dense})
    claim = replace(BETTER, kind="lower_statistic", statistic="gradient_norm", phase=phase)
    curves = made.curves.replace({"step": {30: 29, 60: 59}})
    found = verdict(replace(made, runs=runs, curves=curves), claim)
    assert found.verdict == expected
    if expected == "not testable here":
        assert found.reason == "the recipe is still dense at every sample of the phase (early)"


def test_a_falling_statistic_needs_no_control():
    made = with_statistic("second_moment_norm", lambda recipe, seed: [8.0, 4.0, 2.0, 2.0])
    claim = replace(BETTER, kind="falling_statistic", statistic="second_moment_norm")
    found = verdict(made, claim, control="")
    assert found.verdict == "reproduced"
    assert found.comparisons[0].interval.estimate == pytest.approx(np.log(8.0 / 2.0))


def test_every_seed_counts_in_a_ratio_of_means():
    # One seed's signal is estimated as negative: it stays in the mean.
    noise = pd.Series([4.0, 4.0, 4.0], index=[0, 1, 2])
    signal = pd.Series([3.0, 2.5, -0.5], index=[2, 0, 1])
    other = pd.Series([8.0, 8.0, 8.0], index=[0, 1, 2])
    values = log_ratio_by_seed([other, signal], [noise, signal])
    assert values == pytest.approx([np.log(2.0)] * 3)
    whole = log_ratio_by_seed([signal], [noise])
    theta = np.log(5.0 / 12.0)
    without = [np.log(2.5 / 8.0), np.log(5.5 / 8.0), np.log(2.0 / 8.0)]
    assert whole == pytest.approx([3 * theta - 2 * one for one in without])
    assert log_ratio_by_seed([-signal], [noise]).size == 0


def test_every_claim_of_the_paper_has_a_known_kind():
    claims = load_claims(PAPER / "claims.yaml")
    assert len(claims) > 15
    assert {claim.kind for claim in claims} == set(CLAIM_KINDS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "beter"}, "did you mean 'better'"),
        ({"statistik": "x"}, "has the key 'statistik'"),
        ({"text": None}, "lacks 'text'"),
    ],
)
def test_a_wrong_claim_is_a_user_error(tmp_path, change, said):
    entry = {"id": "a", "text": "t", "source": "s", "kind": "better", "recipes": ["ste"]}
    entry = {key: value for key, value in (entry | change).items() if value is not None}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([entry]))
    with pytest.raises(UserError, match=said):
        load_claims(path)


def test_a_claim_about_other_metrics_is_not_asked() -> None:
    made = small({"sr_ste": SIX, "mdgf_linear": SIX})
    metric, _ = made.metric("toy")
    asked = [
        replace(made, claims=(replace(BETTER, metrics=metrics),))
        for metrics in ((), (metric,), ("bleu",))
    ]
    assert [len(TABLES["claims"](one).data) for one in asked] == [1, 1, 0]
