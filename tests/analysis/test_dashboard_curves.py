"""Curves of the dashboard: ours, the paper's and other checkouts'."""

from dataclasses import replace

import numpy as np
import pytest
from support.dashboards import HOSTILE, experiment
from support.synthetic import PAPER, STEPS, TARGET, TARGETS

from pgf.analysis.dashboard.chart import papers_looks
from pgf.analysis.dashboard.curves import (
    PAPERS,
    POINTS,
    cells_of,
    curves_of,
    papers_labels,
    statistics_of,
)
from pgf.analysis.dashboard.legend import curve_name, legend_of
from pgf.analysis.dashboard.write import as_json
from pgf.analysis.figures.kinds.gradient_noise import noise_to_signal
from pgf.analysis.figures.series import running_mean
from pgf.analysis.origins import OURS
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.published import load_curves


@pytest.fixture(scope="module")
def made():
    return experiment()


def slow_values(made, task, recipe, target, name):
    """Return a statistic by seed, found one by one."""
    if name == "noise_to_signal":
        return noise_to_signal(made, task, recipe, target)  # the figure's, one column
    values = by_seed(made, task, recipe, target, name.removesuffix("_running"))
    return running_mean(values) if name.endswith("_running") else values


def test_curves_are_mean_and_limits_over_seeds(made):
    seen = set()
    for cell in curves_of({OURS: made}):
        for name, by_recipe in cell["curves"].items():
            for recipe, curve in by_recipe.items():
                values = slow_values(made, cell["task"], recipe, cell["target"], name)
                steps = [step for step in values.index if step in curve["step"]]
                assert steps == curve["step"] and steps[-1] == values.index[-1]
                shown = values.loc[steps]
                for key, found in (("mean", "mean"), ("low", "min"), ("high", "max")):
                    expected = getattr(shown, found)(axis="columns").to_numpy()
                    np.testing.assert_allclose(curve[key], expected, rtol=1e-3)
                seen.add(name)
    assert seen == set(statistics_of([made]))


def test_curves_are_thinned_and_end_at_the_last_step(made, monkeypatch):
    monkeypatch.setattr("pgf.analysis.dashboard.curves.POINTS", 4)
    curves = [
        c
        for cell in curves_of({OURS: made})
        for own in cell["curves"].values()
        for c in own.values()
    ]
    assert POINTS > 4 >= max(len(curve["step"]) for curve in curves)
    assert {curve["step"][-1] for curve in curves} == {STEPS}


def test_the_papers_curves_stand_beside_ours_where_the_set_up_is_its_own(made):
    published = load_curves(PAPER / "fig3.csv")
    own = replace(made.analysis, same_setup=("toy_200",))
    beside = replace(made, published_curves=published, analysis=own)
    shown = {(c["task"], c["target"]): c["paper"] for c in curves_of({OURS: beside})}
    there = shown.pop(("toy_200", TARGET))
    assert not any(shown.values()) and set(there) == set(PAPERS.values())
    for panel, name in PAPERS.items():
        for curve in there[name].values():
            values = published.loc[published["panel"] == panel, "value"]
            assert set(curve["mean"]) <= {float(f"{value:.4g}") for value in values}
    assert set(there[name]) <= set(papers_looks()) == set(papers_labels())


def test_flops_rise_from_none_to_those_of_the_whole_run(made):
    for cell in curves_of({OURS: made}):
        for recipe, spent in cell["spent"].items():
            runs = made.task_runs(cell["task"])
            own = runs[runs["recipe"] == recipe].iloc[0]
            whole = 100 * own["flops.training"] / own["flops.training_dense"]
            assert spent["percent"][0] == 0 and sorted(spent["percent"]) == spent["percent"]
            if recipe == "dense":
                assert spent["percent"][-1] == pytest.approx(whole)


def test_dense_training_has_one_phase_and_that_is_dense(made):
    for cell in curves_of({OURS: made}):
        assert [bar[0] for bar in cell["phases"]["dense"]] == ["dense"]
        assert {bar[0] for bar in cell["phases"]["sr_ste"]} == {"sparse"}


def test_curves_of_another_checkout_stand_beside_ours_under_names_of_their_own(made):
    other = replace(
        made, curves=made.curves.assign(value=made.curves["value"] + 1), targets=TARGETS[:1]
    )
    contexts = {OURS: made, HOSTILE: other}
    alone, both = curves_of({OURS: made}), curves_of(contexts)
    assert [(c["task"], c["target"]) for c in both] == list(cells_of(contexts))
    for own, cell in zip(alone, both, strict=True):
        there = cell["target"] == TARGETS[0]
        for name, curves in own["curves"].items():
            shown = cell["curves"][name]
            assert {key: shown[key] for key in curves} == curves
            foreign = {key: curve for key, curve in shown.items() if key not in curves}
            assert set(foreign) == ({curve_name(HOSTILE, k) for k in curves} if there else set())
            if there and name == "accuracy":
                shifted = foreign[curve_name(HOSTILE, "sr_ste")]["mean"]
                np.testing.assert_allclose(np.subtract(shifted, curves["sr_ste"]["mean"]), 1, 0.02)
    entries = legend_of({**contexts, "lab": other})
    lines = [(entry.look.color, entry.look.line) for entry in entries]
    assert len(set(lines)) == len(lines), "two curves look alike"
    ours = legend_of({OURS: made})
    assert len({entry.recipe for entry in entries}) == len(entries) == 3 * len(ours)
    assert not any(entry.shown for entry in entries if HOSTILE in entry.recipe)


def test_a_sample_that_is_no_number_is_left_out(made):
    first = made.curves["step"] == made.curves["step"].min()
    for rows in (first, first & (made.curves["seed"] == 0)):
        holed = replace(made, curves=made.curves.assign(value=made.curves["value"].mask(rows)))
        as_json(curves_of({OURS: holed}))
        values = by_seed(holed, "toy_200", "sr_ste", TARGET, "flip_rate")
        assert not values.isna().all(axis="columns").any()
