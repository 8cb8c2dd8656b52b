"""The experiments in configs/: each one plans, and the paper's set-ups train at full shape."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from support.configs import as_untuned
from support.setups import check_trained, images_as_on_the_hub, shortened
from support.texts import glue, mnli, sentences, translated, translations, write_parquet

from pgf.__main__ import main
from pgf.analysis.results import check_published
from pgf.experiments.experiment import Experiment
from pgf.experiments.run_spec import RunSpec
from pgf.recipes.patterns import Target
from pgf.sparsity.selection import select_layers
from pgf.tasks import find_task, make_task
from pgf.tasks.data.glue import GLUE
from pgf.tasks.encoder_decoders import T5
from pgf.training.optimization import check_optimization

CONFIGS = sorted(path.stem for path in Path("configs").glob("*.yaml"))
FULL_SHAPE = (
    ("cifar10_vit_tiny", "mdgf_linear_chain_rule", "1:16(FF)"),
    ("cifar10_vit_tiny_published", "mdgf_exponential", "1:16(FF)"),
    ("cifar10_resnet50", "sr_ste", "2:8(CONV)"),
    ("imagenet_vit_base", "sdgf_geometric", "1:8(FF)+1:8(QK)"),
    ("imagenet_swinv2_base", "sr_ste", "1:8(FF)"),
)
"""A recipe and a target of each of the paper's set-ups on images."""
LONG = {"imagenet_vit_base", "imagenet_swinv2_base", "cifar10_resnet50"}
FULL_SHAPE_OF_TEXT = (
    ("wmt17_encdec", "sdgf_stepwise", "1:16(FF)"),
    ("glue_t5_base", "sdgf_geometric", "1:8(FF)+1:4(QKV)"),
)
"""The same on texts."""
SMALL = {"one_gpu", "zoo", "admission", "laptop", "smoke", "study"}
SMALL |= {"multi30k_encdec"}
"""Experiments of models that a laptop trains, or one GPU."""
ABLATIONS = {
    "wmt17_dense_share": "wmt17_encdec",
    "wmt17_fine_tune_share": "wmt17_encdec",
    "glue_t5_base_baselines": "glue_t5_base",
    "imagenet_vit_base_beta": "imagenet_vit_base",
}
"""Other recipes or phases of the same model, data and training; so is an `_advised` one."""
T5_BASE: dict[str, Any] = {
    **{"checkpoint": None, "gated": True, "width": 768, "depth": 12, "heads": 12},
    **{"feed_forward": 2048, "vocabulary": 32_128},
}
"""T5 v1.1's base from scratch, for where there is no checkpoint."""


@cache
def experiment(name: str) -> Experiment:
    return as_untuned(name)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_target_of_an_experiment_fits_its_models(name: str) -> None:
    check_published(experiment(name))
    specs = experiment(name).runs()
    for spec in {s.task.name: s for s in specs}.values():
        check_optimization(spec.training)
        task = make_task(without_checkpoint(spec).task)
        if spec.task.kind == "digits_vit":
            task.load()
        with torch.device("meta"):
            model = task.model()
        own = {s.target for s in specs if s.task.name == spec.task.name}
        for target in own - {"dense"}:
            assert select_layers(model, Target.parse(target), task.groups or None)


def without_checkpoint(spec: RunSpec) -> RunSpec:
    """Return a run whose model is built without a checkpoint or texts: there is no network."""
    kind = find_task(spec.task.kind)
    if spec.task.options.get("tokens") == "pieces":  # these are learned from the texts
        bytes_instead = {**spec.task.options, "tokens": "bytes"}
        return replace(spec, task=replace(spec.task, options=bytes_instead))
    if not issubclass(kind, T5) or kind.__dataclass_fields__["checkpoint"].default is None:
        return spec
    return replace(spec, task=replace(spec.task, options={**spec.task.options, **T5_BASE}))


def test_every_paper_set_up_is_trained_below() -> None:
    twins = {name for name in CONFIGS if name.endswith("_advised")}
    trained = {name for name, _, _ in (*FULL_SHAPE, *FULL_SHAPE_OF_TEXT)}
    assert trained == set(CONFIGS) - SMALL - twins - set(ABLATIONS)
    for twin in twins:  # the same model and data: only phases differ
        one, other = experiment(twin), experiment(twin.removesuffix("_advised"))
        assert one.tasks == other.tasks and one.training == other.training
        assert set(one.targets) <= set(other.targets)
    for ablation, name in ABLATIONS.items():
        one, other = experiment(ablation), experiment(name)
        assert one.runs()[0].task == other.runs()[0].task
        assert one.runs()[0].training == other.runs()[0].training


def small_run(name: str, recipe: str, target: str, data: Path) -> RunSpec:
    """Return a run of an experiment, as it is but for two steps of four images."""
    return shortened(found(name, recipe, target), {"path": str(data), "workers": 0})


def found(name: str, recipe: str, target: str) -> RunSpec:
    return next(s for s in experiment(name).runs() if (s.recipe.name, s.target) == (recipe, target))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "recipe", "target"),
    [pytest.param(*case, marks=pytest.mark.long if case[0] in LONG else ()) for case in FULL_SHAPE],
)
def test_a_set_up_trains_at_full_shape(
    name: str, recipe: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    cifar = name.startswith("cifar10")
    data = images_as_on_the_hub(
        tmp_path,
        image="img" if cifar else "image",
        classes=10 if cifar else 1000,
        test="test" if cifar else "validation",
    )
    check_trained(small_run(name, recipe, target, data))


def texts_as_on_the_hub(root: Path) -> Path:
    """Write a few texts for every task of GLUE and for WMT, in folders by the hub's names."""
    both = translations(16)
    write_parquet(root / "wmt17", {name: both[name] for name in ("train", "validation")})
    write_parquet(root / "wmt14", {"test": {"translation": translated(sentences(3, 300))}})
    for task in GLUE.values():
        parts = mnli() if task.name == "mnli" else glue(*task.texts)
        parts = {s: {n: v[:4] for n, v in columns.items()} for s, columns in parts.items()}
        if task.labels is None:
            for columns in parts.values():
                columns["label"] = [2.5 * label + i % 3 for i, label in enumerate(columns["label"])]
        write_parquet(root / "glue" / task.name, parts)
    return root


@pytest.fixture
def texts_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("PGF_DATA", str(texts_as_on_the_hub(tmp_path / "data")))


@pytest.mark.slow
@pytest.mark.usefixtures("texts_at_hand")
@pytest.mark.parametrize(("name", "recipe", "target"), FULL_SHAPE_OF_TEXT)
def test_a_set_up_of_text_trains_at_full_width(name: str, recipe: str, target: str) -> None:
    spec = without_checkpoint(found(name, recipe, target))
    check_trained(shortened(spec, {"new_tokens": 2, "depth": 2}))


@pytest.mark.slow
@pytest.mark.usefixtures("texts_at_hand")
@pytest.mark.parametrize("name", ["wmt17_encdec", "glue_t5_base"])
def test_a_set_up_of_text_is_planned(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / f"{name}.yaml"
    text = Path("configs", f"{name}.yaml").read_text()
    sizes = "width: 128, depth: 1, heads: 4, feed_forward: 256, vocabulary: 300"
    text = text.replace(
        "glue_t5_base: {}", f"glue_t5_base: {{options: {{checkpoint: null, {sizes}}}}}"
    )
    text = text.replace("typical_length:", f"{sizes}, typical_length:")
    config.write_text(re.sub(r"batch_size: \d+", "batch_size: 16", text))
    assert main(["plan", str(config)]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert all(target in printed for target in experiment(name).targets)
