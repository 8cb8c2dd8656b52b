"""The bench: its baseline does what it stands for, and its report says what was measured."""

import json
import math
import subprocess
from dataclasses import asdict
from typing import Any

import pytest
import torch
from support import ROOT
from support.helpers import tiny_spec
from support.masks import slow_mask

from pgf.costs.bench import GPU_PARTS, PARTS, experiment, find_part, report
from pgf.costs.bench.kinds import masks as masks_part
from pgf.costs.bench.kinds import memory as memory_part
from pgf.costs.bench.kinds import steps as steps_part
from pgf.costs.bench.kinds import sweep as sweep_part
from pgf.costs.bench.model import Bound, Measurement, Part
from pgf.costs.bench.processes import PYTHON, run
from pgf.costs.bench.published import as_published
from pgf.costs.bench.sizes import rehearsal
from pgf.costs.bench.summary import _texts, write_summary
from pgf.costs.bench.timing import ratio
from pgf.costs.bench.usual import argsort_mask, make_usual
from pgf.costs.bench.vit import Usual, VitContender
from pgf.costs.gpu.pieces import PARTS as IN_ORDER
from pgf.errors import UserError
from pgf.recipes import pruning_recipes
from pgf.recipes.patterns import NMPattern, Target


def quiet(text: str) -> None:
    assert text


def test_every_part_registers_under_the_name_of_its_module() -> None:
    assert [PARTS[name].__name__ for name in PARTS] == list(PARTS)
    with pytest.raises(UserError, match="unknown part of the bench 'mask': did you mean 'masks'"):
        find_part("mask")


@pytest.mark.parametrize("text", ["2:4", "1:16", "7:8"])
def test_the_usual_mask_is_the_definition_where_nothing_ties(text: str) -> None:
    weight = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    pattern = NMPattern.parse(text)
    assert torch.equal(argsort_mask(weight, pattern).bool(), slow_mask(weight, pattern))


def test_the_usual_way_trains_by_the_formulas_of_srste() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(32, 8))
    model.get_submodule("0").register_module("fc1", torch.nn.Linear(16, 4))
    layer = model.get_submodule("0.fc1")
    make_usual(model, Target.parse("1:8(FF)"))
    inputs = torch.randn(5, 16)
    weight = layer.weight.detach().clone()
    mask = slow_mask(weight, NMPattern(1, 8))
    out = layer(inputs)
    torch.testing.assert_close(out, inputs @ (weight * mask).t() + layer.bias)
    out.sum().backward()
    expected = inputs.sum(dim=0).expand(4, 16) + 2e-4 * (~mask) * weight
    torch.testing.assert_close(layer.weight.grad, expected)


def test_a_contender_is_in_the_sparse_phase_whatever_its_recipe() -> None:
    for name in pruning_recipes(with_hooks=False):
        contender = VitContender(name, batch_size=2)
        contender.step()
        assert all(layer.packed_mask is not None for layer in contender.run.sparsifier.layers), name


def test_the_contenders_compute_the_same_model() -> None:
    usual, ours = Usual(batch_size=4), VitContender("sr_ste", batch_size=4)
    ours.run.sparsifier.refresh(0)
    batch = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(usual.run.model(batch), ours.run.model(batch))


@pytest.mark.parametrize(
    ("bound", "ratio_", "reached"),
    [
        (Bound.AT_MOST, 1.0, True),
        (Bound.AT_MOST, 1.1, False),
        (Bound.AT_LEAST, 1.0, True),
        (Bound.AT_LEAST, 0.9, False),
        (Bound.AT_MOST, None, None),
    ],
)
def test_a_target_is_reached_on_its_own_side(
    bound: Bound, ratio_: float | None, reached: bool | None
) -> None:
    line = Measurement(what="x", unit="s", ours=1.0, ratio=ratio_, target=1.0, bound=bound)
    assert line.reached is reached


def test_a_ratio_is_taken_round_by_round() -> None:
    base = [1.0, 10.0, 100.0, 1000.0, 10000.0]
    found = ratio([2 * b for b in base], base)
    assert found.median == 2.0 and found.spread == 0.0
    assert ratio([1, 2, 3, 4, 5], [1, 1, 1, 1, 1]).spread == 1.0


def test_small_versions_of_the_parts_measure_what_they_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masks_part, "SHAPE", (16, 128))
    monkeypatch.setattr(masks_part, "ROUNDS", 1)
    lines = masks_part.masks(quiet).lines
    assert len(lines) == 2 * len(masks_part.PATTERNS)
    monkeypatch.setattr(steps_part, "ROUNDS", {2: 1})
    monkeypatch.setattr(steps_part, "TARGETS", {2: 1.05})
    lines += steps_part.steps(quiet).lines
    assert all(line.ratio is not None and math.isfinite(line.ratio) for line in lines)
    sparse = pruning_recipes(with_hooks=False)
    named = [line.what.split(",")[0] for line in lines]
    assert set(sparse) <= set(named)


@pytest.mark.parametrize("name", sorted(set(GPU_PARTS) - {"sweep"}))
def test_the_parts_for_a_gpu_can_be_rehearsed(name: str) -> None:
    part = GPU_PARTS.find(name)(quiet, rehearsal())
    assert all(line.ratio is not None and math.isfinite(line.ratio) for line in part.lines)
    assert "no measurement" in part.title and set(IN_ORDER) == set(GPU_PARTS)


@pytest.mark.slow
@pytest.mark.long
def test_a_small_sweep_leaves_the_records_of_runs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_part, "RECIPES", ("sr_ste", "mdgf_linear"))
    monkeypatch.setattr(sweep_part, "ALONE", 1)
    few: dict[str, Any] = {"device": "cpu", "target": 1.0, "steps": 5, "seeds": 1}
    line, same = sweep_part.measure_sweep(quiet, processes=2, **few)
    assert same and line.ratio is not None and line.ratio > 0
    line, _ = sweep_part.measure_sweep(quiet, processes=1, stack=2, **few)
    assert line.ratio is not None and line.ratio > 0


def test_the_recipes_of_an_experiment_are_measured_against_its_dense_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(experiment, "ROUNDS", 1)
    monkeypatch.setattr(experiment, "STEPS", 2)
    specs = [tiny_spec(recipe) for recipe in ("sr_ste", "dense", "mdgf_linear")]
    lines = experiment.measure_steps(specs)
    names = [*(spec.short_title for spec in specs), "Dense, statistics on"]
    assert [line[0] for line in lines] == names
    assert lines[1][2:] == (1.0, 0.0) and all(line[1] > 0 for line in lines)
    with pytest.raises(UserError, match="no dense recipe"):
        experiment.measure_steps(specs[:1])


def test_a_command_does_not_count_the_memory_of_who_measures_it(tmp_path) -> None:
    ballast = torch.ones(150 * 2**18)  # 150 MiB
    cost = run([PYTHON, "-c", "sum(range(10**6))"], cwd=tmp_path)
    assert ballast.numel() and 0 < cost.mebibytes < 100
    assert 0 < cost.cpu_seconds < 60 and cost.seconds > 0
    with pytest.raises(subprocess.CalledProcessError):
        run([PYTHON, "-c", "raise SystemExit(3)"], cwd=tmp_path)


def test_a_sparse_run_takes_its_masters_and_little_more() -> None:
    for line in memory_part.memory(quiet).lines:
        assert line.reached, line
        assert line.usual is not None and line.ours is not None and line.usual > 2 * line.ours


def test_the_report_keeps_other_parts_and_shows_what_is_missing(tmp_path) -> None:
    measured = Measurement(
        what="a|b", unit="ms", ours=123.456, floor=0.01234, ratio=1.5, spread=0.1, target=1.0
    )
    missing = Measurement(what="c", unit="s", ours=None, target=20.0, bound=Bound.AT_LEAST)
    for name, line in (("second", missing), ("first", measured)):
        part = Part(title=f"The {name}", ratio_of="x / y", lines=(line,), notes=("a note",))
        data, page = report.write_bench({name: part}, tmp_path)
    kept = json.loads(data.read_text())["parts"]
    assert list(kept) == ["first", "second"]
    assert kept["first"]["lines"][0]["ours"] == 123.456
    assert kept["first"]["where"]["node"] is None, "no machine's own name is published"
    text = page.read_text()
    assert "123 ms" in text and "0.0123 ms" in text and "at most 1" in text
    assert "not measured" in text and "at least 20" in text and "x / y" in text
    assert text.index("The first") < text.index("The second")


def test_a_table_of_the_paper_stands_below_what_is_measured(tmp_path, monkeypatch) -> None:
    grid = as_published("19", "Table 19", ("2:4", "1:128"), {"x": {"2:4": 1.0, "1:128": 7.046}})
    line = Measurement(what="a", unit="ms", ours=2.0)
    part = Part(title="One", ratio_of="x", lines=(line,), grids=(grid,))
    text = report.write_bench({"one": part}, tmp_path)[1].read_text()
    rows = [[c.strip() for c in row.split("|")[1:-1]] for row in text.splitlines() if "|" in row]
    assert ["paper, A100", "1.0", "5.87"] in rows and ["here, x", "1.00", "7.05"] in rows
    monkeypatch.chdir(tmp_path)
    alone = as_published("19", "Table 19", ("2:4",), {"x": {"2:4": 1.0}})
    assert alone.rows == (("here, x", "1.00"),)


def test_the_page_has_a_block_for_every_machine(tmp_path) -> None:
    line = Measurement(what="a", unit="ms", ours=2.0, floor=1.0, ratio=2.0, target=3.0)
    report.write_bench({"first": Part(title="The first", ratio_of="x", lines=(line,))}, tmp_path)
    other = "<!-- another-machine -->\nits table\n<!-- end -->\n\nprose\n"
    (tmp_path / "README.md").write_text(f"# bench\n\n{other}")
    once = write_summary(tmp_path).read_text()
    assert other in once and once.count("The first") == 1
    assert write_summary(tmp_path).read_text() == once
    (tmp_path / f"{report.file_name()}.json").unlink()
    with pytest.raises(UserError, match="`make WRITE=1 bench` measures"):
        write_summary(tmp_path)


def test_the_committed_page_is_of_the_committed_measurements() -> None:
    folder = ROOT / "results/committed/bench"
    page = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    shown = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page if "|" in line]
    for path in folder.glob("*.json"):
        for part in json.loads(path.read_text(encoding="utf-8"))["parts"].values():
            assert _texts(part) in shown, f"{path.name}: {part['title']}"


def test_the_page_gives_the_target_of_the_line_that_it_shows() -> None:
    lines = [
        Measurement(what=what, unit="ms", ours=2.0, floor=1.0, ratio=ratio, target=target)
        for what, ratio, target in (("a", 2.0, 3.0), ("b", 2.0, 1.5))
    ]
    part = {"title": "t", "ratio_of": "x", "lines": [asdict(line) for line in lines]}
    assert _texts(part)[2:] == ["2.000", "b", "at most 1.5", "1 of 2"]
