"""Pruned weights of an encoder-decoder: both halves, and nothing else."""

import re
from collections import Counter
from typing import Any

import pytest
import torch
from support.texts import SMALL

from pgf.recipes.patterns import Target
from pgf.sparsity.layers import read_layers
from pgf.sparsity.selection import select_layers
from pgf.tasks import TASKS

DEPTH = 2
SHAPES: list[tuple[str, dict[str, Any], int]] = [
    ("glue_t5", {"gated": False}, 2),
    ("glue_t5", {"gated": True}, 3),
    ("wmt17_encdec", {}, 2),
]
"""A kind, its options, and the feed-forward layers of one block."""
DENSE = re.compile(r"shared|embed|lm_head|relative_attention_bias|layer_?norm|\.bias$")


def layers_of(kind: str, options: dict[str, Any]) -> Any:
    sizes = {name: SMALL[name] for name in ("width", "heads", "feed_forward", "vocabulary")}
    with torch.device("meta"):
        model = TASKS[kind](**{**sizes, "depth": DEPTH, "hub": None, **options}).model()
    return model, read_layers(model)


@pytest.mark.parametrize(("kind", "options", "feed_forward"), SHAPES)
def test_roles_are_found_in_the_encoder_and_in_the_decoder(
    kind: str, options: dict[str, Any], feed_forward: int
) -> None:
    _, found = layers_of(kind, options)
    for half, attentions in (("encoder", 1), ("decoder", 2)):
        own = [w for w in found.prunable if re.search(rf"(^|\.){half}\.", w.name)]
        roles = Counter(w.role for w in own)
        expected = dict.fromkeys("QKVO", attentions * DEPTH)
        assert roles == {**expected, "FF": feed_forward * DEPTH}
    assert len(found.prunable) == (12 + 2 * feed_forward) * DEPTH


@pytest.mark.parametrize(("kind", "options", "feed_forward"), SHAPES)
def test_tables_heads_and_norms_stay_dense(
    kind: str, options: dict[str, Any], feed_forward: int
) -> None:
    model, found = layers_of(kind, options)
    assert [layer.name for layer in found.others] == ["lm_head"]
    pruned = {f"{w.module_name}.weight" for w in found.prunable}
    kept = [name for name, _ in model.named_parameters() if name not in pruned]
    assert kept and all(DENSE.search(name) for name in kept)
    assert not any(DENSE.search(name) for name in pruned)


@pytest.mark.parametrize(("kind", "options", "feed_forward"), SHAPES)
def test_the_papers_targets_select_what_they_say(
    kind: str, options: dict[str, Any], feed_forward: int
) -> None:
    model, _ = layers_of(kind, options)
    chosen = select_layers(model, Target.parse("1:16(FF)+1:8(QK)"), None)
    patterns = Counter((w.role, str(pattern)) for w, pattern in chosen)
    both = 3 * DEPTH
    assert patterns == {
        ("FF", "1:16"): 2 * feed_forward * DEPTH,
        ("Q", "1:8"): both,
        ("K", "1:8"): both,
    }


def test_the_first_feed_forward_layers_of_a_gated_block_are_both_pruned() -> None:
    _, found = layers_of("glue_t5", {"gated": True})
    names = {w.name.rsplit(".", 1)[1] for w in found.prunable if w.role == "FF"}
    assert names == {"wi_0", "wi_1", "wo"}
