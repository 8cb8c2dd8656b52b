"""A panel for every measure."""

from dataclasses import replace

import pandas as pd
import pytest
from support.figures import drawn, line_of
from support.synthetic import context, grid, measures

from pgf.analysis.tables.context import Context

NAMES = ("cola_matthews", "mnli_m_accuracy", "mrpc_f1", "mrpc_accuracy")


@pytest.fixture(scope="module")
def glue() -> Context:
    """Runs with four measures, each a point above the one before."""
    made = context(grid(seeds=2))
    own = made.curves[made.curves["name"] == "accuracy"]
    more = [own.assign(name=name, value=own["value"] + i) for i, name in enumerate(NAMES)]
    held = measures(dict.fromkeys(NAMES, 5.0))
    curves = pd.concat([made.curves, *more], ignore_index=True)
    return replace(made, runs=made.runs.assign(**held), curves=curves)


def test_a_panel_a_measure_named_for_readers(glue: Context) -> None:
    axes = drawn("measures_over_training", glue).axes
    titles = [place.get_title(loc="left") for place in axes]
    assert titles[1:] == [
        "CoLA Matthews correlation",
        "MNLI-m accuracy",
        "MRPC F1",
        "MRPC accuracy",
    ]
    first, second = (line_of(place, "SR-STE").get_ydata() for place in axes[1:3])
    assert list(second - first) == pytest.approx([1.0] * len(first))


def test_the_target_is_the_first_that_the_analysis_names(glue: Context) -> None:
    dense = drawn("measures_over_training", glue).legends[0].get_title().get_text()
    assert dense.startswith("1:4 (FF).")
    named = replace(glue, analysis=replace(glue.analysis, figure_targets=("1:16(FF)",)))
    said = drawn("measures_over_training", named).legends[0].get_title().get_text()
    assert said.startswith("1:16 (FF).")


def test_top_5_and_measures_without_curves_have_no_panel(glue: Context) -> None:
    held = measures({"accuracy_top5": 9.0, "rte_accuracy": 5.0})
    assert len(
        drawn("measures_over_training", replace(glue, runs=glue.runs.assign(**held))).axes
    ) == 1 + len(NAMES)
