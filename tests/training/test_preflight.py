"""Checks of an experiment that need its models and data, before a run starts."""

from pathlib import Path
from typing import Any

import pytest
from support.configs import GOOD, changed, load

from pgf.errors import UserError
from pgf.training.preflight import check_runs


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("tasks", "short"), {"task": "digit_vit"}, "'digit_vit': did you mean 'digits_vit'"),
        (
            ("tasks", "short"),
            {"task": "digits_vit", "options": {"widht": 8}},
            "task short: options: widht.*did you mean 'width'",
        ),
        (
            ("tasks", "short"),
            {"task": "digits_vit", "options": {"groups": {"FFN": ["mlp"]}}},
            "task short: .*'FFN'.*did you mean 'FF'",
        ),
        (("targets",), ["1:7(FF)"], r"1:7\(FF\): .*2 x FF of 64 inputs \(blocks.0.mlp.fc1"),
        (("targets",), ["1:4(CONV)"], "no layer of group CONV"),
        (("training", "batch_size"), 1001, "batch_size 1001 exceeds the 1000 samples"),
        (("training", "optimizer"), "adamv", "optimizer.*'adamv'.*did you mean 'adam"),
        (("training", "schedule"), "cosin", "schedule.*'cosin'.*did you mean 'cosine'"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_what_only_models_and_data_can_say_is_refused_before_a_run_starts(
    path: tuple[str, ...], value: Any, words: str, tmp_path: Path
) -> None:
    experiment = load(changed(*path, to=value), tmp_path)
    with pytest.raises(UserError, match=words) as caught:
        check_runs(experiment.runs())
    assert "\n" not in str(caught.value)


def test_a_good_experiment_passes_every_check(tmp_path: Path) -> None:
    check_runs(load(GOOD, tmp_path).runs())
