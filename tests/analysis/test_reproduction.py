"""The comparison with committed results: what counts as reproduced, and what is said."""

from dataclasses import replace

import numpy as np
import pytest
from support.graded import graded

from pgf.analysis.reproduction import changes_of, compare_results
from pgf.analysis.reproduction_text import reproduction_text
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.verdicts import NOT_TESTABLE

SPREAD = [-1.0, 1.0, -0.5, 0.5, 0.2, -0.2]


def made(*, linear: float = 20.0, **columns: str) -> Context:
    """Return a task that grades, with MdGf-Linear so much above SR-STE."""
    finals = {"sr_ste": SPREAD, "mdgf_linear": [linear + value for value in SPREAD[::-1]]}
    context = graded(finals, analysis={"baselines": ("sr_ste",)})
    return replace(context, runs=context.runs.assign(torch="2.1", machine="a", **columns))


def test_the_same_runs_are_reproduced_to_the_last_digit() -> None:
    found = compare_results(made(), made())
    assert found.succeeded and found.equal_runs == found.runs == 30
    assert not any(change.size for change in found.changes)
    text = reproduction_text(found)
    total, means = len(found.verdicts), len(found.changes)
    assert means == 5
    assert text == (
        f"reproduced: {total} of {total} verdicts equal the committed ones; {means} of {means} "
        "means agree as far as seeds tell; 30 of 30 runs have exactly the committed numbers"
    )


def test_other_numbers_with_the_same_verdicts_are_reproduced() -> None:
    found = compare_results(made(linear=20.5, cpu="b"), made(cpu="a"))
    assert found.succeeded
    assert found.equal_runs == 24
    (change,) = (change for change in found.changes if change.size)
    # The metric of dense is 40 and of random -60: a point of it is one of recovered share.
    assert change.size == pytest.approx(0.5) and "recovered share" in change.unit
    assert change.where == "MdGf-Linear at 1:16 (FF)"
    assert "largest change: toy, MdGf-Linear at 1:16 (FF): +0.5 points" in reproduction_text(found)
    assert "what differs: cpu a, here b" in reproduction_text(found)


def test_a_mean_that_moved_is_not_reproduced_though_every_verdict_is_the_same() -> None:
    found = compare_results(made(linear=26.0), made())
    assert not found.differing and not found.succeeded
    assert [change.where for change in found.moved] == ["MdGf-Linear at 1:16 (FF)"]
    text = reproduction_text(found)
    assert text.startswith("NOT reproduced: ") and "4 of 5 means agree" in text
    assert "moved: toy, MdGf-Linear at 1:16 (FF): +6 points of recovered share" in text


def test_a_verdict_that_differs_is_named_with_both() -> None:
    found = compare_results(made(linear=-20.0), made())
    assert not found.succeeded
    text = reproduction_text(found)
    assert text.startswith("NOT reproduced: ")
    question = "toy, 1:16 (FF), mdgf_linear against sr_ste"
    assert found.differing[question] == ("better", "worse")
    assert f"{question}: committed better, here worse" in text or "more" in text


def test_a_verdict_at_the_edge_of_its_test_is_not_reproduced_and_said_to_be_no_opposite() -> None:
    near = [value + shift for value, shift in zip(SPREAD, (9, 8, -3, 9, 8, -2), strict=True)]
    clear = [value + 6 for value in near]
    one, other = (graded({"sr_ste": SPREAD, "mdgf_linear": own}) for own in (near, clear))
    found = compare_results(one, other)
    question = "toy, 1:16 (FF), mdgf_linear against sr_ste"
    assert found.differing[question] == ("better", "not settled")
    assert not found.succeeded and not found.moved and not found.turned
    text = reproduction_text(found)
    assert text.startswith("NOT reproduced: ") and "at the edge of their tests" in text
    assert f"{question}: committed better, here not settled" in text


def test_a_target_that_grades_in_one_alone_is_the_one_difference_of_its_task() -> None:
    wide = [-60.0 + value for value in (11.0, -11.0, 11.0, -11.0, 11.0, -11.0)]
    narrow = [-60.0 + value for value in SPREAD]
    finals = {"sr_ste": SPREAD, "mdgf_linear": [20.0 + value for value in SPREAD[::-1]]}
    found = compare_results(graded(finals, random_mask=wide), graded(finals, random_mask=narrow))
    assert found.differing == {"toy, 1:16 (FF), grades": ("yes", NOT_TESTABLE)}
    assert not found.succeeded and not found.moved


def test_every_verdict_that_says_something_is_compared() -> None:
    context = made()
    claims = TABLES["claims"](context).data.drop_duplicates(["claim", "recipe", "control"])
    telling = (claims["verdict"] != NOT_TESTABLE).sum()
    rows = len(TABLES["differences"](context).data)
    assert 0 < telling < len(claims)
    assert len(compare_results(context, context).verdicts) == telling + rows + 1


def test_a_run_that_is_missing_or_diverged_is_no_equal_one() -> None:
    whole = made()
    fewer = compare_results(replace(whole, runs=whole.runs.iloc[1:]), whole)
    assert (fewer.equal_runs, fewer.missing, fewer.succeeded) == (29, 1, False)
    assert "1 of the committed runs are missing here" in reproduction_text(fewer)
    broken = whole.runs.copy()
    broken.loc[0, ["status", "final", "final_loss", "best"]] = ["diverged", *[np.nan] * 3]
    assert compare_results(replace(whole, runs=broken), whole).equal_runs == 29
    both = replace(whole, runs=broken)
    assert compare_results(both, both).equal_runs == 30


def test_tasks_that_do_not_grade_are_compared_by_their_means() -> None:
    one = graded({"sr_ste": SPREAD}, removed=None)
    near, far = (
        graded({"sr_ste": [value + shift for value in SPREAD]}, removed=None) for shift in (0.3, 9)
    )
    found = compare_results(near, one)
    assert found.succeeded and not found.verdicts
    assert "no target grades, so there are no verdicts to compare" in reproduction_text(found)
    assert not compare_results(far, one).succeeded, "noise would not pass for a reproduction"


def test_independent_seeds_of_the_same_truth_pass_nineteen_times_in_twenty() -> None:
    rng, failed = np.random.default_rng(0), 0
    for _ in range(60):
        one, other = (
            graded({"sr_ste": list(rng.normal(0, 1, 6)), "ste": list(rng.normal(0, 1, 6))})
            for _ in range(2)
        )
        failed += bool(changes_of(one, other)[1])
    assert failed <= 6
