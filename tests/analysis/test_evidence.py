"""The claims that an experiment can settle, by its config alone."""

from pathlib import Path
from typing import Any

import pytest
from support.configs import GOOD, load
from support.synthetic import CLAIMS

from pgf.__main__ import main
from pgf.analysis.evidence import LEAST_SEEDS, evidence_text, prospects
from pgf.errors import UserError
from pgf.experiments.experiment import Experiment

CONTROLS = {"dense": {}, "removed": {}, "random_mask": {}}
METRICS = {"digits": "accuracy"}
AT_HIGH = "mdgf-at-high-sparsity"


def experiment(folder: Path, **changes: Any) -> Experiment:
    values = {
        **GOOD,
        "tasks": {"digits": {"task": "digits_vit"}},
        "recipes": {**CONTROLS, "sr_ste": {}, "mdgf_linear": {}},
        "targets": ["1:4(FF)", "1:16(FF)"],
        "seeds": list(range(LEAST_SEEDS)),
        **changes,
    }
    return load(values, folder)


def obstacle(made: Experiment, claim: str, recipe: str, control: str) -> str:
    every = prospects(made, METRICS, CLAIMS)
    (one,) = (o for o in every if (o.claim.id, o.recipe, o.control) == (claim, recipe, control))
    return one.obstacle


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"seeds": [0, 1, 2]}, f"3 seeds, of {LEAST_SEEDS} that it takes"),
        ({"targets": ["1:4(FF)"]}, "no target in the claim's scope"),
        (
            {"recipes": {"dense": {}, "sr_ste": {}, "mdgf_linear": {}}},
            "no column removed or random",
        ),
        ({"recipes": {**CONTROLS, "sr_ste": {}}}, "no column mdgf_linear"),
    ],
)
def test_a_claim_can_be_settled_or_it_is_said_why_not(
    changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    found = obstacle(experiment(tmp_path, **changes), AT_HIGH, "mdgf_linear", "sr_ste")
    assert found.startswith(expected) and bool(found) == bool(expected)


@pytest.mark.parametrize(("every", "dense"), [(10, True), (2, False)])
def test_a_phase_without_a_sample_after_the_dense_steps_settles_nothing(
    every: int, dense: bool, tmp_path: Path
) -> None:
    recipes = {**CONTROLS, "sr_ste": {}, "mdgf_linear": {"preset": "advised"}}
    made = experiment(tmp_path, recipes=recipes, statistics={"every": 2, "noise_every": every})
    found = obstacle(made, "gradient-noise-lower-early", "mdgf_linear", "sr_ste")
    assert found == ("mdgf_linear is still dense at every sample of the phase (early)" * dense)


def test_columns_are_known_by_their_roles(tmp_path: Path) -> None:
    recipes = {**CONTROLS, "sr_ste": {}, "mine": {"recipe": "mdgf_linear", "role": "mdgf_linear"}}
    made = experiment(tmp_path, recipes=recipes)
    assert obstacle(made, AT_HIGH, "mdgf_linear", "sr_ste") == ""
    # A column that has another role does not have that of its name as well.
    recipes = {**CONTROLS, "sr_ste": {"role": "sr_ste_dense_start"}, "mdgf_linear": {}}
    made = experiment(tmp_path, recipes=recipes)
    assert obstacle(made, AT_HIGH, "mdgf_linear", "sr_ste") == "no column sr_ste"
    assert obstacle(made, AT_HIGH, "mdgf_linear", "sr_ste_dense_start") == ""


def test_two_columns_of_one_role_are_refused(tmp_path: Path) -> None:
    recipes = {"sr_ste": {}, "other": {"recipe": "sr_ste", "label": "x", "role": "sr_ste"}}
    with pytest.raises(UserError, match="sr_ste and other both have the role 'sr_ste'"):
        experiment(tmp_path, recipes=recipes)


def test_the_text_says_what_can_be_settled_and_from_which_effect_on(tmp_path: Path) -> None:
    text = evidence_text(experiment(tmp_path), METRICS)
    assert "6 seeds find a mean difference of 1.4 times the sd of paired differences" in text
    assert f"{AT_HIGH}: mdgf_linear / sr_ste" in text


def test_evidence_that_can_settle_nothing_is_refused(tmp_path: Path) -> None:
    assert evidence_text(experiment(tmp_path, evidence=True), METRICS)
    hopeless = experiment(tmp_path, evidence=True, seeds=[0, 1, 2])
    with pytest.raises(UserError, match="evidence: true, but it can settle none of the paper's"):
        evidence_text(hopeless, METRICS)


@pytest.mark.parametrize("command", ["check", "plan"])
def test_the_commands_refuse_it_before_any_training(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment(tmp_path, evidence=True, seeds=[0])
    assert main([command, str(tmp_path / "file.yaml")]) == 2
    assert "it can settle none" in capsys.readouterr().err
