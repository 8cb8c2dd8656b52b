"""The product with a packed weight in Triton: a program for 16 rows and a tile of tokens."""

import triton
import triton.language as tl


@triton.jit
def product_kernel(
    values,
    indices,
    inputs,
    bias,
    out,
    tokens,
    rows,
    width,
    stride,
    lines,
    N: tl.constexpr,
    M: tl.constexpr,
    BIAS: tl.constexpr,
    TOKENS: tl.constexpr,
    LINES: tl.constexpr,
):
    """Add up `LINES` kept weights of 16 rows at a time; see `layout` for their order."""
    block = tl.program_id(0)
    token = tl.program_id(1) * TOKENS + tl.arange(0, TOKENS)
    row = tl.arange(0, 16)
    sums = tl.zeros((TOKENS, 16), dtype=tl.float32)
    for start in range(0, lines, LINES):
        line = start + tl.arange(0, LINES)
        here = (line < lines)[:, None]
        at = block.to(tl.int64) * lines + line[:, None]
        value = tl.load(values + at * 16 + row[None, :], mask=here, other=0.0).to(tl.float32)
        if M <= 16:
            byte = tl.load(indices + at * 8 + (row % 2 * 4 + row // 4)[None, :], mask=here, other=0)
            place = (byte.to(tl.int32) >> (row // 2 % 2 * 4)[None, :]) & 15
        else:
            place = tl.load(indices + at * 16 + row[None, :], mask=here, other=0).to(tl.int32)
        column = (line // N * M)[:, None] + place
        there = (token < tokens)[:, None, None] & here[None, :, :]
        picked = tl.load(
            inputs + token[:, None, None].to(tl.int64) * width + column[None, :, :],
            mask=there,
            other=0.0,
        ).to(tl.float32)
        sums += tl.sum(picked * value[None, :, :], axis=1)
    all_rows = block * 16 + row
    if BIAS:
        sums += tl.load(bias + all_rows, mask=all_rows < rows, other=0.0)[None, :]
    to = out + token[:, None].to(tl.int64) * stride + all_rows[None, :]
    tl.store(to, sums.to(out.dtype.element_ty), mask=(token < tokens)[:, None] & (all_rows < rows))
