"""The scope of a claim: planned targets, layer groups, and how many pairs it takes."""

from dataclasses import replace

import pytest
from support.graded import at_two_targets, graded
from support.synthetic import SIX, TARGET

from pgf.analysis.tables.claim_kinds import Question
from pgf.analysis.tables.paper_claims import Claim
from pgf.analysis.tables.phases import phase_means
from pgf.analysis.tables.verdicts import in_scope, verdict_on

BETTER = Claim(
    id="x", text="x", source="x", kind="better", recipes=("mdgf_linear",), controls=("sr_ste",)
)


def verdict(made, claim=BETTER):
    means = phase_means(made.runs, made.curves)
    return verdict_on(made, means, Question(claim, "toy", "mdgf_linear", "sr_ste"))


def test_a_planned_target_without_runs_is_in_the_scope_of_a_claim():
    made = at_two_targets([9.0, 10.0, 11.0, 9.0, 10.0, 11.0], [9.0, 10.0, 11.0, 9.0, 10.0, 11.0])
    assert verdict(made).verdict == "reproduced"
    planned = {"toy": tuple(made.runs[["recipe", "target", "seed"]].itertuples(False, None))}
    partial = replace(made, runs=made.runs[made.runs["target"] != TARGET], planned=planned)
    found = verdict(partial)
    assert (found.verdict, found.reason) == ("not testable here", f"no run at {TARGET}")
    assert verdict(partial, replace(BETTER, max_sparsity=0.9)).verdict == "reproduced"
    worse = at_two_targets([-9.0, -10.0, -11.0, -9.0, -10.0, -11.0], [0.0] * 6)
    partial = replace(worse, runs=worse.runs[worse.runs["target"] != TARGET], planned=planned)
    assert verdict(partial).verdict == "opposite", "one target is enough"


@pytest.mark.parametrize("shift", [30.0, -30.0])
def test_fewer_than_six_pairs_settle_nothing(shift):
    five = [x + shift for x in SIX[:5]]
    found = verdict(graded({"sr_ste": SIX, "mdgf_linear": five}))
    assert found.verdict == "not testable here" and found.comparisons[0].interval.n == 5
    assert found.reason == f"5 pairs of seeds at {TARGET}, of 6 that it takes"


def test_a_claim_may_be_of_some_layer_groups_alone():
    own = replace(BETTER, groups=("FF",))
    assert in_scope(own, "1:32(FF)") and not in_scope(own, "1:32(FF+QKV+O)")
    assert not in_scope(replace(own, groups=("FF", "QKV")), "1:32(FF)")
