"""The Triton kernels: on a GPU where there is one, else under Triton's interpreter.

The interpreter has a process of its own, which is set to it from its start.
"""

from importlib.util import find_spec

import pytest
import torch
from support.interpreter import run_interpreted
from support.masks import KINDS, slow_mask
from test_kernels import PATTERNS, assert_bitwise, defined, weights

from pgf.recipes.patterns import NMPattern
from pgf.sparsity.kernels import (
    EagerKernel,
    MaskedLayers,
    TritonKernel,
    kernel_for,
    magnitude_mask,
    on_gpu,
)

SHAPES = ((5, 2), (1, 1), (3, 1))
DECAYS, LAMBDAS = [0.0, 0.37, 1.0], [1e-3, 0.0, 2e-4]
WIDE = ("1:2", "2:4", "1:16", "7:8", "8:64", "16:128", "1:3")
"""Patterns that all dtypes and kinds of weights are tried with; the interpreter is slow."""

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = [pytest.mark.gpu] if DEVICE == "cuda" else []

if DEVICE == "cpu" and not on_gpu.interpreted():

    @pytest.mark.skipif(find_spec("triton") is None, reason="no Triton here")
    def test_under_the_interpreter() -> None:
        run_interpreted(__file__)

else:
    kernel = TritonKernel()

    @pytest.mark.filterwarnings("ignore:invalid value encountered")  # numpy, of 0 x infinity
    @pytest.mark.parametrize("dtype", list(on_gpu.BITS), ids=str)
    @pytest.mark.parametrize("text", PATTERNS)
    def test_all_weights_of_a_launch_are_those_of_the_formulas(
        text: str, dtype: torch.dtype
    ) -> None:
        pattern = NMPattern.parse(text)
        for kind in KINDS if text in WIDE else ("quantised",):
            every = [weights(kind, pattern, dtype, *shape).to(DEVICE) for shape in SHAPES]
            effectives = [torch.full_like(weight, 9.0) for weight in every]
            kept = [kernel.empty_mask(weight) for weight in every]
            kernel.refresh(MaskedLayers(every, kept, DECAYS), effectives, pattern=pattern)
            masks = [slow_mask(weight.cpu(), pattern).to(DEVICE) for weight in every]
            for i, weight in enumerate(every):
                assert torch.equal(kernel.unpack(kept[i], weight.shape), masks[i])
                packed = kernel.pack(masks[i])
                assert torch.equal(kernel.unpack(packed, weight.shape), masks[i])
                assert torch.equal(magnitude_mask(weight, pattern), masks[i])
                assert_bitwise(effectives[i], defined(weight, masks[i], DECAYS[i]))
                effectives[i].fill_(9.0)
            kernel.write(MaskedLayers(every, kept, DECAYS), effectives)
            for i, weight in enumerate(every):
                assert_bitwise(effectives[i], defined(weight, masks[i], DECAYS[i]))

    @pytest.mark.filterwarnings("ignore:invalid value encountered")
    @pytest.mark.parametrize("dtype", list(on_gpu.BITS), ids=str)
    @pytest.mark.parametrize("contiguous", [True, False])
    def test_gradient_rules_are_bitwise_those_of_torch(
        dtype: torch.dtype, contiguous: bool
    ) -> None:
        pattern = NMPattern(2, 8)
        for kind in KINDS:
            every = [weights(kind, pattern, dtype, *shape).to(DEVICE) for shape in SHAPES]
            masks = [slow_mask(weight.cpu(), pattern).to(DEVICE) for weight in every]
            ours = [torch.randn_like(weight) for weight in every]
            expected = [gradient.clone() for gradient in ours]
            if not contiguous:
                ours = [gradient.t().contiguous().t() for gradient in ours]
            kept = [kernel.pack(mask) for mask in masks]
            kernel.restrict(MaskedLayers(every, kept, DECAYS), ours, lambdas=LAMBDAS)
            EagerKernel().restrict(MaskedLayers(every, masks, DECAYS), expected, lambdas=LAMBDAS)
            for found, wanted in zip(ours, expected, strict=True):
                assert_bitwise(found.contiguous(), wanted)

    def test_nothing_is_written_beside_a_weight() -> None:
        pattern = NMPattern(1, 4)
        room = torch.full((64, 8), 5.0, device=DEVICE)
        bits = torch.full((64,), 77, dtype=torch.uint8, device=DEVICE)
        weight = torch.randn(11, 8, device=DEVICE)
        kernel.refresh(MaskedLayers([weight], [bits[2:13]], [0.0]), [room[3:14]], pattern=pattern)
        assert (room[:3] == 5.0).all() and (room[14:] == 5.0).all()
        assert (bits[:2] == 77).all() and (bits[13:] == 77).all()

    def test_a_table_of_addresses_is_not_taken_for_another() -> None:
        pattern = NMPattern(2, 4)
        buffer, effective = torch.randn(16, 16, device=DEVICE), torch.zeros(16, 16, device=DEVICE)
        for rows in (16, 4, 9):
            weight, kept = buffer[:rows], kernel.empty_mask(buffer)
            effective.zero_()
            kernel.refresh(
                MaskedLayers([weight], [kept], [0.0]), [effective[:rows]], pattern=pattern
            )
            mask = slow_mask(weight.cpu(), pattern).to(DEVICE)
            assert_bitwise(effective[:rows], defined(weight, mask, 0.0))
            assert not effective[rows:].any()

    def test_contiguous_weights_of_known_types_are_served() -> None:
        square = torch.randn(8, 8, device=DEVICE)
        assert on_gpu.serves(square, square.clone())
        assert not on_gpu.serves(square.double(), square.double())
        assert not on_gpu.serves(square.t()[:4], square[:4])
        assert not isinstance(kernel_for(square, square.clone()), EagerKernel)
