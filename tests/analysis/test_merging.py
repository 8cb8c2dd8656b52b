"""A leaderboard over several experiments: tasks apart, recipes by role, one rule."""

from dataclasses import replace

import pytest
from support.graded import graded
from support.synthetic import OWN, SIX

from pgf.analysis.merging import merge_contexts
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.ranking import places_of
from pgf.errors import UserError

LOW = [value - 30 for value in SIX]


def elsewhere(made: Context) -> Context:
    """Return a context of other runs of the random mask, so that its cells count for themselves."""
    runs = made.runs.copy()
    runs.loc[runs["recipe"] == "random_mask", "final"] -= 1e-6
    return replace(made, runs=runs)


def named_otherwise(made: Context) -> Context:
    """Return a context whose SR-STE is the column `ours`, with the role `sr_ste`."""
    runs = made.runs.replace({"recipe": {"sr_ste": "ours"}})
    curves = made.curves.replace({"recipe": {"sr_ste": "ours"}})
    recipes = tuple(("ours" if name == "sr_ste" else name, label) for name, label in made.recipes)
    return replace(made, runs=runs, curves=curves, recipes=recipes, roles={"sr_ste": "ours"})


def test_one_experiment_alone_ranks_as_it_does_by_itself() -> None:
    small = [value + 4 for value in LOW]
    for published in ({}, {"toy": (OWN,)}):
        made = graded({"sr_ste": LOW, "mdgf_linear": small}, analysis={"published": published})
        alone, merged = places_of(made), places_of(merge_contexts({"one": made}))
        known = {"share": None, "density": 0.0}  # no density was recorded
        assert [replace(p, **known) for p in merged] == [replace(p, **known) for p in alone]
        for own, other in zip(alone, merged, strict=True):
            assert own.share.estimate == pytest.approx(other.share.estimate)
        assert alone[0].better == bool(published), "four points are within the margin of five"


def test_cells_of_all_count_and_recipes_are_told_by_role() -> None:
    one = graded({"sr_ste": LOW, "mdgf_linear": SIX})
    other = elsewhere(named_otherwise(graded({"sr_ste": SIX, "mdgf_linear": LOW})))
    merged = merge_contexts({"one": one, "other": other})
    assert merged.tasks == ("one/toy", "other/toy")
    places = {place.recipe: place for place in places_of(merged)}
    assert set(places) == {"sr_ste", "mdgf_linear"}
    assert [place.share.n for place in places.values()] == [2, 2]
    # Each is best once: the same share over both.
    shares = [place.share.estimate for place in places.values()]
    assert shares[0] == pytest.approx(shares[1])


def test_a_recipe_that_one_of_them_lacks_is_not_ranked() -> None:
    one = graded({"sr_ste": LOW, "mdgf_linear": SIX})
    merged = merge_contexts({"one": one, "other": elsewhere(graded({"sr_ste": SIX}))})
    assert [place.recipe for place in places_of(merged)] == ["sr_ste"]


def test_experiments_of_different_rules_are_refused() -> None:
    one = graded({"sr_ste": SIX})
    other = replace(one, analysis=replace(one.analysis, margin=2.0))
    with pytest.raises(UserError, match=r"one and other are judged by .*: margin 5.0 and 2.0"):
        merge_contexts({"one": one, "other": other})


def test_two_roles_of_one_label_are_told_apart() -> None:
    one, other = graded({"sr_ste": SIX}), graded({"sr_ste": SIX})
    start = replace(other, roles={"sr_ste_dense_start": "sr_ste"})
    labels = dict(merge_contexts({"one": one, "other": start}).recipes)
    assert labels["sr_ste"] == "SR-STE (sr_ste)"
    assert labels["sr_ste_dense_start"] == "SR-STE (sr_ste_dense_start)"


def test_words_about_one_experiment_do_not_stand_over_all() -> None:
    made = graded({"sr_ste": LOW, "mdgf_linear": SIX}, analysis={"about": "Only of this one."})
    assert merge_contexts({"one": made, "other": made}).analysis.about == ""
