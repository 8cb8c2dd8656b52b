"""Verdicts on the paper's claims."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.synthetic import PAPER, SIX, TARGET, context, curve_rows, runs_frame, small

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.context import make_context
from pgf.analysis.tables.paper_claims import Claim, load_claims
from pgf.analysis.tables.phases import phase_means
from pgf.analysis.tables.render import to_markdown
from pgf.analysis.tables.verdicts import CLAIM_KINDS, Question, in_scope, verdict_on
from pgf.errors import UserError
from pgf.experiments.settings import AnalysisSettings

HIGHER = Claim(
    id="x",
    text="x",
    source="x",
    kind="higher_metric",
    recipes=("mdgf_linear",),
    controls=("sr_ste",),
)


def verdict(made, claim=HIGHER, control="sr_ste"):
    means = phase_means(made.runs, made.curves)
    return verdict_on(made, means, Question(claim, "toy", "mdgf_linear", control))


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        ([10.0] * 6, "reproduced"),
        ([-10.0] * 6, "not reproduced"),
        ([10.0, 10.0, 10.0, -10.0, -10.0, -9.0], "not settled"),
    ],
)
def test_verdicts_follow_the_numbers(shift, expected):
    finals = [x + s for x, s in zip(SIX, shift, strict=True)]
    assert verdict(small({"sr_ste": SIX, "mdgf_linear": finals})).verdict == expected


def test_a_claim_holds_at_every_target_of_its_scope_or_not_at_all():
    runs = runs_frame(
        {
            ("sr_ste", "1:4(FF)"): [0.0] * 7,
            ("sr_ste", TARGET): [0.0] * 7,
            ("mdgf_linear", "1:4(FF)"): [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 0.5],
            ("mdgf_linear", TARGET): [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        }
    )
    sparse_only = Claim(**{**HIGHER.__dict__, "min_sparsity": 0.9})
    assert verdict(context(runs)).verdict == "not settled"
    assert verdict(context(runs), sparse_only).verdict == "reproduced"


@pytest.mark.parametrize(
    ("target", "expected"),
    [("1:16(FF)", True), ("1:8(FF)", False), ("1:16(FF)+1:4(QK)", False)],
)
def test_the_scope_of_a_claim_goes_by_the_least_pruned_layers(target, expected):
    assert in_scope(Claim(**{**HIGHER.__dict__, "min_sparsity": 0.9375}), target) is expected


def test_the_direction_of_a_claim_is_that_of_the_metric():
    finals = {("sr_ste", TARGET): SIX, ("mdgf_linear", TARGET): [x - 10 for x in SIX]}
    made = context(runs_frame(finals, higher_is_better=False))
    assert verdict(made).verdict == "reproduced"


@pytest.mark.parametrize(
    ("claim", "control", "reason"),
    [
        (HIGHER, "ste", "no runs of ste"),
        (Claim(**{**HIGHER.__dict__, "min_sparsity": 0.99}), "sr_ste", "no target in the claim"),
        (
            Claim(**{**HIGHER.__dict__, "kind": "lower_statistic", "statistic": "unheard_of"}),
            "sr_ste",
            "no pairs of seeds at 1:16",
        ),
    ],
)
def test_what_cannot_be_tested_says_why(claim, control, reason):
    found = verdict(small({"sr_ste": SIX, "mdgf_linear": SIX}), claim, control)
    assert found.verdict == "not testable here"
    assert reason in found.reason


def test_statistics_are_compared_as_ratios():
    runs = runs_frame({("sr_ste", TARGET): SIX, ("mdgf_linear", TARGET): SIX})
    rows = runs.to_dict("records")
    level = {"sr_ste": 4.0, "mdgf_linear": 1.0}
    curves = pd.concat(
        [curve_rows(row, "gradient_variance", [level[row["recipe"]]] * 4) for row in rows]
    )
    claim = Claim(
        **{**HIGHER.__dict__, "kind": "lower_statistic", "statistic": "gradient_variance"}
    )
    made = make_context(runs, curves, AnalysisSettings(), claims=[claim])
    found = verdict(made, claim)
    assert found.verdict == "reproduced"
    assert found.comparisons[0].interval.estimate == pytest.approx(np.log(4.0))
    assert "0.25 [0.25, 0.25]" in to_markdown(TABLES["claims"](made))


def test_the_interval_of_a_ratio_by_hand():
    # Ratios 0.4 and 1.6: geometric mean 0.8; their logarithms have the standard error log 2
    runs = runs_frame({("sr_ste", TARGET): SIX[:2], ("mdgf_linear", TARGET): SIX[:2]})
    level = {("mdgf_linear", 0): 0.4, ("mdgf_linear", 1): 1.6}
    curves = pd.concat(
        [
            curve_rows(row, "gradient_norm", [level.get((row["recipe"], row["seed"]), 1.0)] * 4)
            for row in runs.to_dict("records")
        ]
    )
    claim = Claim(**{**HIGHER.__dict__, "kind": "lower_statistic", "statistic": "gradient_norm"})
    made = make_context(runs, curves, AnalysisSettings(confidence=0.5), claims=[claim])
    # t(0.75, 1) = 1, so the limits are 0.8 / 2 and 0.8 * 2
    row = TABLES["claims"](made).sections[0].blocks[0].rows[0]
    assert row[4].text == "0.80 [0.40, 1.60]"


def test_a_statistic_without_a_logarithm_leaves_its_pair_out():
    runs = runs_frame({("sr_ste", TARGET): SIX, ("mdgf_linear", TARGET): SIX})
    curves = pd.concat(
        [
            curve_rows(row, "noise_signal", [-1.0 if row["seed"] == 2 else 5.0] * 4)
            for row in runs.to_dict("records")
        ]
    )
    claim = Claim(**{**HIGHER.__dict__, "kind": "lower_statistic", "statistic": "noise_signal"})
    found = verdict(make_context(runs, curves, AnalysisSettings()), claim)
    assert found.comparisons[0].interval.n == 5


def test_a_falling_statistic_needs_no_control():
    runs = runs_frame({("mdgf_linear", TARGET): SIX})
    curves = pd.concat(
        [
            curve_rows(row, "second_moment_variance", [8.0, 4.0, 2.0, 2.0])
            for row in runs.to_dict("records")
        ]
    )
    claim = Claim(
        **{**HIGHER.__dict__, "kind": "falling_statistic", "statistic": "second_moment_variance"}
    )
    made = make_context(runs, curves, AnalysisSettings())
    found = verdict(made, claim, control="")
    assert found.verdict == "reproduced"
    assert found.comparisons[0].interval.estimate == pytest.approx(np.log(8.0 / 2.0))


def test_every_claim_of_the_paper_has_a_known_kind():
    claims = load_claims(PAPER / "claims.yaml")
    assert len(claims) > 5
    assert {claim.kind for claim in claims} == set(CLAIM_KINDS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "higher_metrik"}, "did you mean 'higher_metric'"),
        ({"statistik": "x"}, "has the key 'statistik'"),
        ({"text": None}, "lacks 'text'"),
    ],
)
def test_a_wrong_claim_is_a_user_error(tmp_path, change, said):
    import yaml

    entry = {"id": "a", "text": "t", "source": "s", "kind": "higher_metric", "recipes": ["ste"]}
    entry = {key: value for key, value in (entry | change).items() if value is not None}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([entry]))
    with pytest.raises(UserError, match=said):
        load_claims(path)


def test_a_claim_about_other_metrics_is_not_asked() -> None:
    made = small({"sr_ste": SIX, "mdgf_linear": SIX})
    metric, _ = made.metric("toy")
    asked = [
        replace(made, claims=(Claim(**{**HIGHER.__dict__, "metrics": metrics}),))
        for metrics in ((), (metric,), ("bleu",))
    ]
    assert [len(TABLES["claims"](one).data) for one in asked] == [1, 1, 0]
