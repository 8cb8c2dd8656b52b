"""Products with packed weights on a GPU, at the shapes of the paper's Table 19."""

from collections.abc import Callable
from statistics import mean

import torch
from torch import Tensor
from torch.nn import functional
from torch.sparse import to_sparse_semi_structured

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.model import Bound, Measurement, Part, Progress
from pgf.costs.bench.published import as_published
from pgf.costs.bench.sizes import Sizes
from pgf.costs.bench.timing import milliseconds, ratio, rotate
from pgf.inference import PackedLinear, PackedWeight
from pgf.recipes import NMPattern
from pgf.sparsity import nm_mask

PATTERNS = ("2:4", "1:4", "1:8", "1:16", "1:32", "1:128")
DTYPE = torch.bfloat16
REPEATS = 16


@GPU_PARTS.register("products")
def products(progress: Progress, sizes: Sizes) -> Part:
    """FF1 and FF2 of ViT-B, dense and packed; 2:4 in torch's own format as well."""
    shapes = dict(zip(("FF1", "FF2"), sizes.layers, strict=False))
    lines: list[Measurement] = []
    speed: dict[str, dict[str, list[float]]] = {}
    for tokens in sizes.tokens:
        for text in PATTERNS:
            progress(f"products: {text}, {tokens} tokens")
            for name, shape in shapes.items():
                what = f"{name}, {text}, {tokens} token{'s' * (tokens > 1)}"
                line = measure_product(what, text, shape, tokens, sizes)
                assert line.ratio is not None
                lines.append(line)
                speed.setdefault(f"{tokens} tokens", {}).setdefault(text, []).append(line.ratio)
    over = {
        row: {text: mean(own) / mean(found["2:4"]) for text, own in found.items()}
        for row, found in speed.items()
    }
    return Part(
        title=f"Products with packed weights, bfloat16, {sizes.where}",
        ratio_of="dense / ours",
        lines=tuple(lines),
        notes=(
            "The usual way: torch's semi-structured format, which has 2:4 alone.",
            "Floor: the multiplications that are left, at the dense product's speed.",
        ),
        grids=(as_published("19", "Table 19: FF layers, speed-up over 2:4", PATTERNS, over),),
    )


def measure_product(
    what: str, text: str, shape: tuple[int, int], tokens: int, sizes: Sizes
) -> Measurement:
    """Measure one weight's product with so many tokens."""
    pattern, device = NMPattern.parse(text), torch.device(sizes.device)
    weight = torch.randn(shape)
    weight = (weight * nm_mask(weight, pattern)).to(DTYPE)
    layer = PackedLinear([PackedWeight.of(weight, pattern)], None).to(device)
    weight = weight.to(device)
    inputs = torch.randn(tokens, shape[1], device=device, dtype=DTYPE)
    ways: dict[str, Callable[[], Tensor]] = {
        "dense": lambda: functional.linear(inputs, weight),
        "ours": lambda: layer(inputs),
    }
    if text == "2:4" and not sizes.is_rehearsal:
        own = to_sparse_semi_structured(weight)
        ways["usual"] = lambda: functional.linear(inputs, own)
    with torch.inference_mode():
        times = rotate(ways, rounds=sizes.rounds, repeats=REPEATS, clock=sizes.clock)
    found = ratio(times["dense"], times["ours"])
    return Measurement(
        what=what,
        unit="ms",
        usual=milliseconds(times["usual"]) if "usual" in times else None,
        floor=milliseconds(times["dense"]) * pattern.density,
        ours=milliseconds(times["ours"]),
        ratio=found.median,
        spread=found.spread,
        bound=Bound.AT_LEAST,
    )
