"""The survey of models: the choice of models, its rows and its page."""

import csv
from pathlib import Path

import pytest
import timm

from pgf.__main__ import main
from pgf.costs.survey import libraries
from pgf.costs.survey.libraries import choose_models, look_at
from pgf.costs.survey.page import page, survey_summary
from pgf.costs.survey.writing import survey_models, write_survey
from pgf.errors import UserError


def test_by_default_one_model_of_every_family_is_taken() -> None:
    chosen = [name for library, name in choose_models([]) if library == "timm"]
    assert len(chosen) == len(timm.list_modules())
    assert {timm.model_entrypoint(name).__module__.split(".")[-1] for name in chosen} == set(
        timm.list_modules()
    )
    every = choose_models([], every=True)
    assert [name for library, name in every if library == "timm"] == timm.list_models()


def test_every_model_type_of_transformers_is_taken() -> None:
    chosen = [name for library, name in choose_models([]) if library == "transformers"]
    assert len(chosen) > 400 and {"bert", "gpt2", "llama", "t5", "mixtral"} <= set(chosen)


def test_an_unknown_model_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'resnet_50'.*did you mean 'resnet50'"):
        choose_models(["resnet_50"])


def test_a_model_that_cannot_be_built_is_a_row_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def needs_a_package(name: str) -> None:
        raise ImportError(f"{name} needs\n'/here/site-packages/a.py' {'x' * 500}")

    monkeypatch.setattr(libraries.timm, "create_model", needs_a_package)
    row = look_at(("timm", "resnet18"))
    assert row.status == "not built" and row.reason.startswith("ImportError: resnet18 needs 'a.py'")
    assert row.reason.endswith("x ...") and len(row.reason) < 200
    write_survey([row], tmp_path)
    assert "ImportError: resnet18 needs 'a.py'" in (tmp_path / "models.md").read_text()


def test_a_row_says_counts_widths_and_refusals() -> None:
    row = look_at(("timm", "levit_128"))
    assert (row.family, row.status) == ("levit", "partly")
    assert row.layers == {"Q": 2, "O": 14, "FF": 28}
    assert row.widths["Q"] == [128, 256]
    assert [roles for roles, _ in row.refusals] == ["Q, K, V", "K, V"]


def test_a_survey_is_a_table_and_a_page(tmp_path: Path) -> None:
    found = survey_models(choose_models(["resnet18", "levit_128", "mixtral"]))
    assert "| 1 | 0 | partly |" in survey_summary(found)
    write_survey(found, tmp_path)
    with (tmp_path / "models.csv").open() as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert (rows["resnet18"]["CONV"], rows["resnet18"]["status"]) == ("19", "told")
    assert rows["resnet18"]["widths"] == "CONV 64 128 256 512"
    assert "head by head" in rows["levit_128"]["refused"]
    assert (rows["mixtral"]["FF"], rows["mixtral"]["library"]) == ("8", "transformers")
    text = (tmp_path / "models.md").read_text()
    assert "| levit |  | 1 |" in text and "**K, V** of 1 model cannot be told" in text


def test_an_unknown_name_on_the_command_line_is_bad_input(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "resnet_50"]) == 2
    assert "did you mean 'resnet50'" in capsys.readouterr().err


def test_a_page_counts_models_by_status_and_explains_every_refusal() -> None:
    rows = survey_models(choose_models(["resnet18", "tiny_vit_5m_224", "mixer_s16_224"]))
    text = page(rows)
    assert f"3 of timm {timm.__version__} models" in text
    assert "| 2 | told |" in text and "| 1 | partly |" in text and "| 0 | refused |" in text
    assert all(reason in text for row in rows for _, reason in row.refusals)
