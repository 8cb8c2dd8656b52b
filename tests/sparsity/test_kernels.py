"""Every kernel against the formulas, bit by bit."""

import ctypes
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.masks import KINDS, make_scores, slow_mask
from torch import Tensor

from pgf.recipes.patterns import NMPattern
from pgf.sparsity.kernels import (
    EagerKernel,
    MaskedLayers,
    NativeKernel,
    build,
    kernel_for,
    magnitude_mask,
    native,
)

PATTERNS = (
    *("1:2", "2:2", "1:4", "2:4", "3:4", "1:8", "3:8", "4:8", "7:8", "1:16", "8:16", "1:32"),
    *("1:64", "8:64", "60:64", "1:128", "16:128", "33:128", "96:128", "2:256", "2:512", "13:16"),
    *("1:3", "5:7"),
)
INTEGERS = {
    torch.float32: torch.int32,
    torch.float64: torch.int64,
    torch.bfloat16: torch.int16,
    torch.float16: torch.int16,
}
DECAYS = (0.0, 0.37, 1.0)

has_compiler = pytest.mark.skipif(build.library() is None, reason="no C++ compiler here")


def assert_bitwise(found: Tensor, expected: Tensor) -> None:
    """Compare bits; which NaN a NaN is, does not count."""
    whole = INTEGERS[found.dtype]
    alike = (found.view(whole) == expected.view(whole)) | (found.isnan() & expected.isnan())
    assert alike.all(), (found[~alike][:5], expected[~alike][:5])


def weights(kind: str, pattern: NMPattern, dtype: torch.dtype, rows: int, groups: int) -> Tensor:
    return make_scores(kind, rows, groups * pattern.m, seed=rows).to(dtype)


def defined(weight: Tensor, mask: Tensor, decay: float) -> Tensor:
    """W (.) [mask + D (1 - mask)], rounded once, entry by entry."""
    return torch.where(mask, weight, (decay * weight.float()).to(weight.dtype))


def expect(weight: Tensor, pattern: NMPattern, decay: float) -> None:
    """Every way through the dispatch's kernel is that of the formulas."""
    effective = torch.full_like(weight, 9.0)
    kernel = kernel_for(weight, effective)
    mask = slow_mask(weight, pattern)
    kept = kernel.empty_mask(weight)
    kernel.refresh(MaskedLayers([weight], [kept], [decay]), [effective], pattern=pattern)
    assert torch.equal(kernel.unpack(kept, weight.shape), mask)
    assert_bitwise(effective, defined(weight, mask, decay))
    assert torch.equal(kernel.unpack(kernel.pack(mask), weight.shape), mask)
    assert torch.equal(magnitude_mask(weight, pattern), mask)
    effective.fill_(9.0)
    kernel.write(MaskedLayers([weight], [kernel.pack(mask)], [decay]), [effective])
    assert_bitwise(effective, defined(weight, mask, decay))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("text", PATTERNS)
def test_masks_and_effective_weights_are_those_of_the_formulas(
    text: str, dtype: torch.dtype
) -> None:
    pattern = NMPattern.parse(text)
    for kind in KINDS:
        # 40 rows fill tiles of all widths; 1 and 3 groups fill none.
        for rows, groups in ((40, 2), (1, 1), (3, 1)):
            for decay in DECAYS:
                expect(weights(kind, pattern, dtype, rows, groups), pattern, decay)


@has_compiler
@pytest.mark.parametrize("text", PATTERNS)
def test_the_native_kernel_serves_the_patterns_that_matter(text: str) -> None:
    weight = weights("normal", NMPattern.parse(text), torch.float32, 2, 1)
    assert isinstance(kernel_for(weight, weight.clone()), NativeKernel)
    awkward = text in ("33:128", "96:128", "2:512", "1:3", "5:7")
    assert native.knows(NMPattern.parse(text)) == (not awkward)


def test_a_mask_whose_groups_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not divide"):
        magnitude_mask(torch.randn(2, 6), NMPattern(1, 4))


def test_what_the_native_kernel_cannot_read_is_left_to_torch() -> None:
    square = torch.randn(8, 8)
    for weight in (square.t()[:4], square.double(), square[:, :4]):
        assert isinstance(kernel_for(weight, weight.clone()), EagerKernel)
        expect(weight.contiguous().t().contiguous().t(), NMPattern(1, 4), 0.5)


@pytest.mark.parametrize("text", ["2:4", "1:16", "7:8"])
@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("srste_lambda", [0.0, 2e-4])
@pytest.mark.parametrize("decay", DECAYS)
def test_the_gradient_rule_is_bitwise_that_of_torch(
    text: str, contiguous: bool, srste_lambda: float, decay: float
) -> None:
    pattern = NMPattern.parse(text)
    for kind in KINDS:
        for groups in (1, 3):
            weight = weights(kind, pattern, torch.float32, 37, groups)
            gradient = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
            mask = slow_mask(weight, pattern)
            expected = torch.where(mask, gradient, decay * gradient)
            if srste_lambda:
                expected = expected.add(weight.masked_fill(mask, 0.0), alpha=srste_lambda)
            given_ = gradient.clone() if contiguous else gradient.t().contiguous().t()
            kernel = kernel_for(weight, weight.clone())
            layer = MaskedLayers([weight], [kernel.pack(mask)], [decay])
            kernel.restrict(layer, [given_], lambdas=[srste_lambda])
            assert_bitwise(given_.contiguous(), expected)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("text", ["2:4", "1:32", "16:128"])
def test_several_threads_write_the_same(text: str, threads: None) -> None:
    pattern = NMPattern.parse(text)
    weight = torch.randn(1201, 384, generator=torch.Generator().manual_seed(0))
    one, many, kernel = weight.clone(), weight.clone(), kernel_for(weight, weight.clone())
    kept, mask = kernel.empty_mask(weight), EagerKernel().empty_mask(weight)
    EagerKernel().refresh(MaskedLayers([weight], [mask], [0.3]), [one], pattern=pattern)
    kernel.refresh(MaskedLayers([weight], [kept], [0.3]), [many], pattern=pattern)
    assert_bitwise(many, one)
    kernel.write(MaskedLayers([weight], [kept], [0.3]), [many.zero_()])
    assert_bitwise(many, one)
    assert torch.equal(kernel.unpack(kept, weight.shape), mask)
    kernel.restrict(MaskedLayers([weight], [kept], [0.5]), [many], lambdas=[1e-3])
    EagerKernel().restrict(MaskedLayers([weight], [mask], [0.5]), [one], lambdas=[1e-3])
    assert_bitwise(many, one)


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_written_beside_the_weight(data: st.DataObject) -> None:
    pattern = NMPattern.parse(data.draw(st.sampled_from(PATTERNS)))
    rows, first = data.draw(st.integers(1, 40)), data.draw(st.integers(0, 3))
    dtype = data.draw(st.sampled_from([torch.float32, torch.bfloat16]))
    room = torch.full((rows + 8, pattern.m), 5.0, dtype=dtype)
    weight = weights("normal", pattern, dtype, rows, 1)
    part = room[first : first + rows]
    kernel = kernel_for(weight, part)
    layer = MaskedLayers([weight], [kernel.empty_mask(weight)], [0.0])
    kernel.refresh(layer, [part], pattern=pattern)
    assert (room[:first] == 5.0).all() and (room[first + rows :] == 5.0).all()


@has_compiler
@pytest.mark.skipif(platform.machine() != "x86_64", reason="instruction sets of x86-64")
@pytest.mark.parametrize("level", ["x86-64", "x86-64-v3", "x86-64-v4"])
def test_every_instruction_set_gives_the_same(
    level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = {"x86-64-v3": "avx2", "x86-64-v4": "avx512bw"}.get(level, "")
    if needs not in build._cpu():
        pytest.skip(f"this CPU lacks {needs}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    flags = tuple(flag.replace("native", level) for flag in build.FLAGS)
    monkeypatch.setattr(build, "FLAGS", flags)
    other = ctypes.CDLL(str(build._built(build.compiler())))
    monkeypatch.setattr(native, "library", lambda: other)
    native._function.cache_clear()
    try:
        for text in PATTERNS:
            for dtype in (torch.float32, torch.bfloat16):
                for kind in ("normal", "quantised", "special"):
                    pattern = NMPattern.parse(text)
                    expect(weights(kind, pattern, dtype, 40, 1), pattern, 0.37)
    finally:
        native._function.cache_clear()


def in_a_process(**environment: str) -> str:
    code = (
        "import logging, torch; logging.basicConfig(level='INFO')\n"
        "from pgf.sparsity.kernels import kernel_for\n"
        "w = torch.randn(4, 8); print(type(kernel_for(w, w.clone())).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def test_without_a_compiler_torch_takes_over(tmp_path: Path) -> None:
    said = in_a_process(CXX="no-such-compiler", XDG_CACHE_HOME=str(tmp_path))
    assert "EagerKernel" in said and "no compiler no-such-compiler" in said
    said = in_a_process(CXX="false", XDG_CACHE_HOME=str(tmp_path))
    assert "EagerKernel" in said and "no native kernels" in said
    assert "EagerKernel" in in_a_process(PGF_NATIVE="0")


@has_compiler
def test_a_build_is_made_once_and_stands_alone(tmp_path: Path) -> None:
    for _ in range(2):
        assert "NativeKernel" in in_a_process(XDG_CACHE_HOME=str(tmp_path))
    (built,) = (tmp_path / "pgf").iterdir()
    assert built.suffix == ".so"
    built.write_bytes(b"cut short")
    assert "NativeKernel" in in_a_process(XDG_CACHE_HOME=str(tmp_path))
