"""Products with packed weights on a GPU, at the shapes of the paper's Table 19."""

from contextlib import suppress
from functools import partial

import torch
from torch.nn import functional
from torch.sparse import to_sparse_semi_structured

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.model import Bound, Measurement, Part, Progress
from pgf.costs.bench.published import as_published
from pgf.costs.bench.sizes import Sizes
from pgf.costs.bench.timing import milliseconds, ratio, replayed, rotate
from pgf.inference import PackedLinear, PackedWeight
from pgf.recipes import NMPattern
from pgf.sparsity import nm_mask

PATTERNS = ("2:4", "1:4", "1:8", "1:16", "1:32", "1:128")
DTYPE = torch.bfloat16
WEIGHTS = 16
"""In turn: together the dense ones fit no cache."""


@GPU_PARTS.register("products")
def products(progress: Progress, sizes: Sizes) -> Part:
    """FF1 and FF2 of ViT-B, dense and packed; 2:4 in torch's own format as well."""
    shapes = dict(zip(("FF1", "FF2"), sizes.layers, strict=False))
    lines: list[Measurement] = []
    taken: dict[str, dict[str, float]] = {}
    for tokens in sizes.tokens:
        for text in PATTERNS:
            progress(f"products: {text}, {tokens} tokens")
            for name, shape in shapes.items():
                what = f"{name}, {text}, {tokens} token{'s' * (tokens > 1)}"
                line = measure_product(what, text, shape, tokens, sizes)
                assert line.ours is not None
                lines.append(line)
                row = taken.setdefault(f"{tokens} tokens", {})
                row[text] = row.get(text, 0.0) + line.ours
    over = {
        row: {text: found["2:4"] / own for text, own in found.items()}
        for row, found in taken.items()
    }
    return Part(
        title=f"Products with packed weights, bfloat16, {sizes.where}",
        ratio_of="dense / ours",
        lines=tuple(lines),
        notes=(
            "The usual way: torch's semi-structured format, which has 2:4 alone.",
            "Floor: the multiplications that are left, at the dense product's speed.",
            f"{WEIGHTS} weights in turn, replayed as one CUDA graph: without the time of Python.",
        ),
        grids=(as_published("19", "Table 19: FF layers, speed-up over 2:4", PATTERNS, over),),
    )


def measure_product(
    what: str, text: str, shape: tuple[int, int], tokens: int, sizes: Sizes
) -> Measurement:
    """Measure one weight's product with so many tokens."""
    pattern, device = NMPattern.parse(text), torch.device(sizes.device)
    weights, inputs = [], torch.randn(tokens, shape[1], device=device, dtype=DTYPE)
    for _ in range(WEIGHTS):
        weight = torch.randn(shape)
        weights.append((weight * nm_mask(weight, pattern)).to(DTYPE))
    layers = [PackedLinear([PackedWeight.of(own, pattern)], None).to(device) for own in weights]
    weights = [weight.to(device) for weight in weights]
    with torch.inference_mode():
        ways = {
            "dense": replayed([partial(functional.linear, inputs, own) for own in weights], device),
            "ours": replayed([partial(layer, inputs) for layer in layers], device),
        }
        if text == "2:4" and not sizes.is_rehearsal:
            with suppress(RuntimeError):  # torch's own format wants libraries that may be missing
                own = [to_sparse_semi_structured(weight) for weight in weights]
                ways["usual"] = replayed(
                    [partial(functional.linear, inputs, each) for each in own], device
                )
        times = rotate(ways, rounds=sizes.rounds, clock=sizes.clock)
    times = {way: [seconds / WEIGHTS for seconds in each] for way, each in times.items()}
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
