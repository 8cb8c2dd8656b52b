"""The products with packed weights, against float64, on every instruction set."""

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from support import ROOT
from support.packed import PATTERNS, assert_product, sparse_weight
from torch import Tensor

from pgf.errors import UserError
from pgf.inference import PackedLinear, PackedWeight
from pgf.inference.kernels import native
from pgf.inference.kernels.layout import from_blocks, to_blocks
from pgf.recipes import NMPattern
from pgf.sparsity.kernels import build, threads

TOKENS = (0, 1, 2, 7, 8, 9, 33, 70, 200)
needs_kernels = pytest.mark.skipif(
    build.library(native.PRODUCTS) is None, reason="no C++ compiler here"
)


def layer(weight: Tensor, text: str, bias: Tensor | None = None) -> PackedLinear:
    return PackedLinear([PackedWeight.of(weight, NMPattern.parse(text))], bias)


def check(text: str, *, rows: int, groups: int, tokens: int, dtype: torch.dtype) -> None:
    weight = sparse_weight(text, rows=rows, groups=groups).to(dtype)
    generator = torch.Generator().manual_seed(tokens)
    inputs = torch.randn(tokens, weight.shape[1], generator=generator).to(dtype)
    bias = torch.randn(rows, generator=generator).to(dtype) if rows % 2 else None
    assert_product(layer(weight, text, bias)(inputs), weight, inputs, bias)


@pytest.mark.parametrize("dtype", native.DTYPES, ids=str)
@pytest.mark.parametrize("text", PATTERNS)
def test_products_are_those_of_the_dense_weight(text: str, dtype: torch.dtype) -> None:
    for rows, groups in ((1, 1), (5, 3), (16, 2), (33, 4), (150, 7)):
        for tokens in TOKENS:
            check(text, rows=rows, groups=groups, tokens=tokens, dtype=dtype)


def assert_conversions_are_exact() -> None:
    """Multiply every number of 16 bits by one: as a weight, and as an input."""
    for dtype in (torch.bfloat16, torch.float16):
        every = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
        kept = every[every != 0]
        column = torch.stack([kept, torch.zeros_like(kept)], 1)
        one = torch.tensor([[1.0, 0.0]]).to(dtype)
        for found in (layer(column, "1:2")(one)[0], layer(one, "1:2")(column)[:, 0]):
            assert torch.equal(found.nan_to_num(7.0), kept.nan_to_num(7.0))
            assert torch.equal(found.isnan(), kept.isnan())


@needs_kernels
def test_the_kernels_are_what_serves_here() -> None:
    assert all(native.serves(dtype, "cpu") for dtype in native.DTYPES)
    assert not native.serves(torch.float64, "cpu") and not native.serves(torch.float32, "meta")


@pytest.mark.parametrize("text", ["1:4", "3:8", "1:16", "1:64"])
def test_strides_and_axes_of_the_inputs_do_not_matter(text: str) -> None:
    weight = sparse_weight(text, rows=20, groups=6)
    packed, width = layer(weight, text), weight.shape[1]
    wide = torch.randn(4, 3, 2 * width)
    for inputs in (wide[..., ::2], wide[..., :width], wide[:, :, width:].transpose(0, 1)):
        found = packed(inputs)
        assert found.shape == (*inputs.shape[:-1], 20)
        assert_product(found.flatten(0, 1), weight, inputs.flatten(0, 1))
    assert packed(wide[0, 0, :width]).shape == (20,)


@pytest.mark.parametrize("tokens", [1, 5])
@pytest.mark.parametrize("text", ["1:4", "2:8", "1:16", "1:128"])
def test_what_no_row_keeps_is_not_read_and_what_is_not_finite_stays_so(
    text: str, tokens: int
) -> None:
    weight = sparse_weight(text, rows=40, groups=3)
    weight[:, 0] = 0.0
    weight[:, 1] = 1.0
    pattern = NMPattern.parse(text)
    weight[:, 2 : pattern.m] = 0.0
    inputs = torch.ones(tokens, weight.shape[1])
    plain = layer(weight, text)(inputs)
    inputs[:, pattern.m - 1] = torch.nan  # pruned in every row, and not a fill-in
    if pattern.n == 1:  # else a fill-in may stand there
        assert torch.equal(layer(weight, text)(inputs), plain)
    inputs[:, pattern.m - 1], inputs[0, 1] = 1.0, torch.inf
    assert (layer(weight, text)(inputs)[0] == torch.inf).all()
    inputs[0, 1] = torch.nan
    assert layer(weight, text)(inputs)[0].isnan().all()


@needs_kernels
@pytest.mark.parametrize("tokens", [1, 3, 200])
def test_threads_change_nothing(tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = sparse_weight("1:8", rows=215, groups=9)
    packed, inputs = layer(weight, "1:8", torch.randn(215)), torch.randn(tokens, 72)
    alone = packed(inputs)
    for module in (threads, native):
        monkeypatch.setattr(module, "WORTH_A_THREAD", 1)
    packed._plan = None
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(packed(inputs), alone)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(1, 8), (9, 8), (3, 64), (8,), (2, 2, 31)])
def test_inputs_of_another_width_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=rf"inputs have {shape[-1]} features where the layer has 32"
    ):
        layer(sparse_weight("1:8", rows=20, groups=4), "1:8")(torch.randn(shape))


def test_defaults_of_torch_do_not_matter() -> None:
    weight, inputs = sparse_weight("1:8", rows=40, groups=9), torch.randn(64, 72)
    packed = layer(weight, "1:8")
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("meta"):
            found = packed(inputs)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_product(found, weight, inputs)


@pytest.mark.parametrize("tokens", [1, 5])
def test_a_change_of_the_memory_format_changes_nothing(tokens: int) -> None:
    weight, inputs = sparse_weight("2:8", rows=64, groups=16), torch.randn(tokens, 128)
    packed = layer(weight, "2:8").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert_product(packed(inputs), weight, inputs)


def test_a_bias_that_is_written_to_counts() -> None:
    weight = sparse_weight("1:8", rows=20, groups=4).bfloat16()
    packed, inputs = layer(weight, "1:8", torch.ones(20).bfloat16()), torch.randn(3, 32).bfloat16()
    packed(inputs)
    packed.get_buffer("bias").zero_()
    assert_product(packed(inputs), weight, inputs)


def test_gradients_are_refused_in_a_sentence() -> None:
    packed = layer(sparse_weight("1:4", rows=4, groups=2), "1:4")
    with pytest.raises(UserError, match="packed layers have no gradients: run the model in"):
        packed(torch.randn(2, 8, requires_grad=True))
    with torch.no_grad():
        packed(torch.randn(2, 8, requires_grad=True))


@pytest.mark.parametrize("text", PATTERNS)
def test_blocks_hold_the_packed_weight(text: str) -> None:
    packed = PackedWeight.of(sparse_weight(text, rows=37, groups=2), NMPattern.parse(text))
    back = from_blocks(to_blocks(packed))
    assert torch.equal(back.values, packed.values) and torch.equal(back.indices, packed.indices)


@pytest.fixture
def built(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    flags = tuple(flag.replace("native", request.param) for flag in build.FLAGS)
    monkeypatch.setattr(build, "FLAGS", flags)
    other = ctypes.CDLL(str(build._built(build.compiler(), native.PRODUCTS)))
    monkeypatch.setattr(native, "library", lambda source: other)
    for cached in (native._function, native._lanes):
        cached.cache_clear()
    yield
    for cached in (native._function, native._lanes):
        cached.cache_clear()


LEVELS = {"x86-64": "", "x86-64-v3": "avx2", "x86-64-v4": "avx512dq"}


@needs_kernels
@pytest.mark.skipif(platform.machine() != "x86_64", reason="instruction sets of x86-64")
@pytest.mark.parametrize(
    "built",
    [
        pytest.param(
            level,
            marks=pytest.mark.skipif(
                needs not in build._cpu(), reason=f"this CPU lacks {needs or 'nothing'}"
            ),
        )
        for level, needs in LEVELS.items()
    ],
    indirect=True,
)
def test_every_instruction_set_keeps_the_bound(built: None) -> None:
    for text in PATTERNS:
        for tokens in (1, 2, 40):
            for dtype in native.DTYPES:
                check(text, rows=35, groups=5, tokens=tokens, dtype=dtype)
    assert_conversions_are_exact()


@needs_kernels
@pytest.mark.slow
def test_nothing_is_read_or_written_out_of_bounds(tmp_path: Path) -> None:
    gcc = build.compiler()
    runtime = subprocess.run(
        [gcc, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not shutil.which(gcc) or not Path(runtime).exists():
        pytest.skip("this compiler has no address sanitizer")
    code = f"""
import sys; sys.path[:0] = [{str(ROOT / "tests")!r}]
from pgf.sparsity.kernels import build
# A third of the time to build: fewer optimisations remove no access, and no variable is tracked.
build.FLAGS = (*build.FLAGS, "-O1", "-g1", "-fno-var-tracking")
build.FLAGS = (*build.FLAGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
import torch
from inference.test_products import PATTERNS, check, native
for text in PATTERNS:
    for rows, groups in ((1, 1), (33, 3)):
        for tokens in (1, 2, 9, 70):
            for dtype in native.DTYPES:
                check(text, rows=rows, groups=groups, tokens=tokens, dtype=dtype)
print("clean")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            **{"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0"},
            "XDG_CACHE_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.strip().endswith("clean"), done.stderr[-2000:]
