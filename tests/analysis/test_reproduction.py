"""The comparison with committed results: what counts as reproduced, and what is said."""

from dataclasses import replace

import numpy as np
import pytest
from support.graded import graded

from pgf.analysis.reproduction import compare_results, reproduction_text
from pgf.analysis.tables.context import Context

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
    total = len(found.verdicts)
    assert text.startswith(f"reproduced: {total} of {total} verdicts equal the committed ones; 30")
    assert len(text.splitlines()) == 1


def test_other_numbers_with_the_same_verdicts_are_reproduced() -> None:
    found = compare_results(made(linear=21.5, cpu="b"), made(cpu="a"))
    assert found.succeeded
    assert found.equal_runs == 24
    (change,) = found.changes
    # The metric of dense is 40 and of random -60: a point of it is one of recovered share.
    assert change.size == pytest.approx(1.5) and "recovered share" in change.unit
    assert change.where == "MdGf-Linear at 1:16 (FF)"
    assert "what differs: cpu a, here b" in reproduction_text(found)


def test_a_verdict_that_differs_is_named_with_both() -> None:
    found = compare_results(made(linear=-20.0), made())
    assert not found.succeeded
    text = reproduction_text(found)
    assert text.startswith("NOT reproduced: ")
    question = "toy, 1:16 (FF), mdgf_linear against sr_ste"
    assert found.differing[question] == ("better", "worse")
    assert f"{question}: committed better, here worse" in text or "more" in text


def test_every_verdict_of_the_tables_is_compared() -> None:
    from pgf.analysis.tables import TABLES

    context = made()
    claims = TABLES["claims"](context).data.groupby(["claim", "recipe", "control"]).ngroups
    rows = len(TABLES["differences"](context).data)
    assert len(compare_results(context, context).verdicts) == claims + rows + 1


def test_a_run_that_is_missing_or_diverged_is_no_equal_one() -> None:
    whole = made()
    fewer = replace(whole, runs=whole.runs.iloc[1:])
    assert compare_results(fewer, whole).equal_runs == 29
    broken = whole.runs.copy()
    broken.loc[0, ["status", "final", "final_loss", "best"]] = ["diverged", *[np.nan] * 3]
    assert compare_results(replace(whole, runs=broken), whole).equal_runs == 29
    both = replace(whole, runs=broken)
    assert compare_results(both, both).equal_runs == 30


def test_tasks_that_do_not_grade_are_compared_by_their_metric() -> None:
    one = graded({"sr_ste": SPREAD}, removed=None)
    other = graded({"sr_ste": [value + 3 for value in SPREAD]}, removed=None)
    (change,) = compare_results(other, one).changes
    assert change.size == pytest.approx(3) and change.unit == "accuracy"
