"""ViT-B/16 with packed FF layers: the paper's Tables 8 and 19, on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass

import timm
import torch
from torch import nn

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Bound, Measurement, Part, Progress
from pgf.costs.bench.published import as_published
from pgf.costs.bench.timing import milliseconds, ratio, rotate
from pgf.inference import PackedLinear, PackedWeight
from pgf.recipes import NMPattern
from pgf.sparsity import nm_mask

MODEL = "vit_base_patch16_224"
PATTERNS = ("2:4", "1:4", "1:8", "1:16", "1:32", "1:128")
ROUNDS = {1: 5, 8: 3}
SHARE_OF_AMDAHL = 0.9


@dataclass(frozen=True)
class Measured:
    """One target at one batch size."""

    line: Measurement
    whole: float
    """Time of the dense model over the packed one's."""
    layers: float
    """The same of the FF layers alone."""


@PARTS.register("vit_inference")
def vit_inference(progress: Progress) -> Part:
    """The whole model and its FF layers alone, dense and packed, one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = timm.create_model(MODEL, num_classes=1000).eval().requires_grad_(False)
    found = {
        batch: {text: _measure(model, text, batch, progress) for text in PATTERNS}
        for batch in ROUNDS
    }
    return Part(
        title=f"{MODEL} with packed FF layers, float32, CPU, one thread",
        ratio_of="dense / ours",
        lines=tuple(one.line for row in found.values() for one in row.values()),
        notes=(
            "Floor: the dense model's time without its FF layers, and the packed layers alone "
            f"(Amdahl's law); the target is {SHARE_OF_AMDAHL:g} times the ratio that it gives.",
            "Tables 8 and 19 are the paper's, of other models on other machines: ViT-L, and FF "
            "layers of ViT on GPUs with sparse products of cupy.",
        ),
        grids=(
            as_published("8", "Table 8: speed-up over dense", ("Dense", *PATTERNS), _whole(found)),
            as_published("19", "Table 19: FF layers, speed-up over 2:4", PATTERNS, _layers(found)),
        ),
    )


Found = Mapping[int, Mapping[str, Measured]]


def _whole(found: Found) -> dict[str, dict[str, float]]:
    return {
        f"ViT-B, batch {batch}": {"Dense": 1.0, **{text: one.whole for text, one in row.items()}}
        for batch, row in found.items()
    }


def _layers(found: Found) -> dict[str, dict[str, float]]:
    return {
        f"ViT-B, batch {batch}": {t: one.layers / row["2:4"].layers for t, one in row.items()}
        for batch, row in found.items()
    }


def _measure(model: nn.Module, text: str, batch: int, progress: Progress) -> Measured:
    progress(f"vit_inference: {text}, batch {batch}")
    pattern = NMPattern.parse(text)
    images = torch.randn(batch, 3, 224, 224)
    dense = {name: layer for name, layer in model.named_modules() if ".mlp.fc" in name}
    inputs = {
        name: torch.randn(batch, 197, layer.get_parameter("weight").shape[1])
        for name, layer in dense.items()
    }
    packed = {name: _packed(layer, pattern) for name, layer in dense.items()}

    def whole(layers: Mapping[str, nn.Module]) -> None:
        for name, layer in layers.items():
            model.set_submodule(name, layer)
        model(images)

    def alone(layers: Mapping[str, nn.Module]) -> None:
        for name, layer in layers.items():
            layer(inputs[name])

    ways = {
        "dense": lambda: whole(dense),
        "ours": lambda: whole(packed),
        "dense layers": lambda: alone(dense),
        "packed layers": lambda: alone(packed),
    }
    with torch.inference_mode():
        times = rotate(ways, rounds=ROUNDS[batch])
    whole(dense)
    columns = zip(times["dense"], times["dense layers"], times["packed layers"], strict=True)
    floor = [all_ - own + ours for all_, own, ours in columns]
    found, best = ratio(times["dense"], times["ours"]), ratio(times["dense"], floor)
    line = Measurement(
        what=f"{pattern}(FF), batch {batch}",
        unit="ms",
        floor=milliseconds(floor),
        ours=milliseconds(times["ours"]),
        ratio=found.median,
        spread=found.spread,
        target=round(SHARE_OF_AMDAHL * best.median, 2),
        bound=Bound.AT_LEAST,
    )
    layers = ratio(times["dense layers"], times["packed layers"])
    return Measured(line, found.median, layers.median)


def _packed(layer: nn.Module, pattern: NMPattern) -> PackedLinear:
    weight = layer.get_parameter("weight").detach()
    parts = [PackedWeight.of(weight * nm_mask(weight, pattern), pattern)]
    return PackedLinear(parts, layer.get_parameter("bias"))
