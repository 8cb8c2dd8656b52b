"""ViT-B/16 with packed FF layers from end to end: the paper's Table 8, on this machine."""

from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from torch import nn

from pgf.analysis import load_published
from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Bound, Measurement, Part, Progress
from pgf.costs.bench.timing import milliseconds, ratio, rotate
from pgf.inference import PackedLinear, PackedWeight
from pgf.recipes import NMPattern
from pgf.sparsity import nm_mask

MODEL = "vit_base_patch16_224"
PATTERNS = ("2:4", "1:4", "1:8", "1:16", "1:32", "1:128")
ROUNDS = {1: 5, 8: 3}
SHARE_OF_AMDAHL = 0.9
PUBLISHED = Path("configs/paper/tables.csv")


@PARTS.register("vit_inference")
def vit_inference(progress: Progress) -> Part:
    """The whole model and its FF layers alone, dense and packed, one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = timm.create_model(MODEL, num_classes=1000).eval().requires_grad_(False)
    paper = _paper()
    lines = [
        _measure(model, NMPattern.parse(text), batch, paper.get(text), progress)
        for batch in ROUNDS
        for text in PATTERNS
    ]
    return Part(
        title=f"{MODEL} with packed FF layers, float32, CPU, one thread",
        ratio_of="dense / ours",
        lines=tuple(lines),
        notes=(
            "Floor: the dense model's time without its FF layers, and the packed layers alone "
            f"(Amdahl's law); the target is {SHARE_OF_AMDAHL:g} times the ratio that it gives.",
            "The paper's numbers are those of its Table 8: ViT-L on an A100.",
        ),
    )


def _measure(
    model: nn.Module, pattern: NMPattern, batch: int, paper: float | None, progress: Progress
) -> Measurement:
    progress(f"vit_inference: {pattern}, batch {batch}")
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
    beside = f" (paper: {paper:.2f})" if paper else ""
    return Measurement(
        what=f"{pattern}(FF), batch {batch}{beside}",
        unit="ms",
        floor=milliseconds(floor),
        ours=milliseconds(times["ours"]),
        ratio=found.median,
        spread=found.spread,
        target=round(SHARE_OF_AMDAHL * best.median, 2),
        bound=Bound.AT_LEAST,
    )


def _packed(layer: nn.Module, pattern: NMPattern) -> PackedLinear:
    weight = layer.get_parameter("weight").detach()
    parts = [PackedWeight.of(weight * nm_mask(weight, pattern), pattern)]
    return PackedLinear(parts, layer.get_parameter("bias"))


def _paper() -> dict[str, float]:
    """Return target -> speed-up of Table 8 on an A100; empty away from the project's folder."""
    if not PUBLISHED.exists():
        return {}
    table = load_published(PUBLISHED)
    own = table[(table["table"] == "8") & (table["dataset"] == "A100")]
    return dict(zip(own["target"], own["value"].astype(float), strict=True))
