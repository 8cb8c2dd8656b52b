"""Steps and learning rate that are left once a recipe is at its target."""

from dataclasses import replace

import pandas as pd
import pytest
from support.synthetic import TARGET, context, curve_rows, run_row

from pgf.analysis.tables.exposure import at_target


@pytest.mark.parametrize(
    ("density", "decay", "expected"),
    [
        ([1.0, 0.5, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0], (0.5, 0.3)),
        ([1.0, 0.25, 0.25, 0.25], [1.0, 0.6, 0.3, 0.0], (0.25, 0.1)),
        ([0.25] * 4, [0.0] * 4, (1.0, 1.0)),
    ],
)
def test_the_target_holds_where_pattern_and_decay_are_final(density, decay, expected):
    runs = [run_row("sr_ste", TARGET, seed, 1.0) for seed in range(2)]
    samples = {"pattern_density": density, "mask_decay": decay, "learning_rate": [4, 3, 2, 1]}
    curves = [curve_rows(run, name, values) for run in runs for name, values in samples.items()]
    made = replace(context(), runs=pd.DataFrame(runs), curves=pd.concat(curves))
    assert at_target(made, "toy", "sr_ste", TARGET) == pytest.approx(expected)
    assert at_target(made, "toy", "ste", TARGET) is None
