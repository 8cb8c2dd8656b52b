"""The kernels in Triton: one program per tile of groups, any number of weights in one launch.

Weights come as a table of addresses; `tiles` (2, tiles) holds each tile's weight and first group.
"""

import triton
import triton.language as tl


@triton.jit
def keys_of(x, LARGEST: tl.constexpr, INFINITE: tl.constexpr, KEY: tl.constexpr):
    """Integers that order as |x| does, all NaN alike and above infinity."""
    key = x.to(KEY, bitcast=True) & LARGEST
    return tl.where(key > INFINITE, LARGEST, key).to(tl.int32)


@triton.jit
def nth_largest(key, N: tl.constexpr, M: tl.constexpr, BITS: tl.constexpr):
    """The N-th largest key of each row: few distinct maxima or minima, else bit by bit."""
    if N <= 8:
        found = tl.max(key, axis=1)[:, None]
        for _ in tl.static_range(N - 1):
            enough = tl.sum((key >= found).to(tl.int32), axis=1)[:, None] >= N
            below = tl.max(tl.where(key < found, key, -1), axis=1)[:, None]
            found = tl.where(enough, found, below)
    elif M - N < 8:
        found = tl.min(key, axis=1)[:, None]
        for _ in tl.static_range(M - N):
            above = tl.min(tl.where(key > found, key, 0x7FFFFFFF), axis=1)[:, None]
            enough = tl.sum((key >= above).to(tl.int32), axis=1)[:, None] >= N
            found = tl.where(enough, above, found)
    else:
        found = tl.zeros_like(tl.max(key, axis=1)[:, None])
        for i in tl.static_range(BITS):
            tried = found | (1 << (BITS - 1 - i))
            enough = tl.sum((key >= tried).to(tl.int32), axis=1)[:, None] >= N
            found = tl.where(enough, tried, found)
    return found


@triton.jit
def widened(x, ELEMENT: tl.constexpr):
    """The float32 of an element; bfloat16's is its bits and sixteen zeros."""
    if tl.bfloat16 == ELEMENT:
        return (x.to(tl.int16, bitcast=True).to(tl.int32) << 16).to(tl.float32, bitcast=True)
    else:
        return x.to(tl.float32)


@triton.jit
def rounded(x, ELEMENT: tl.constexpr):
    """The element nearest to a float32, the even one of two; by its bits for bfloat16."""
    if tl.bfloat16 == ELEMENT:
        bits = x.to(tl.int32, bitcast=True)
        nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
        return tl.where(is_nan, 0x7FC0, nearest).to(tl.int16).to(tl.bfloat16, bitcast=True)
    else:
        return x.to(ELEMENT)


@triton.jit
def decayed(x, keep, decay, ELEMENT: tl.constexpr):
    """Return x (.) [keep + D (1 - keep)], computed in float32 and rounded once."""
    return tl.where(keep, x, rounded(widened(x, ELEMENT) * decay, ELEMENT))


@triton.jit
def put_bits(address, first, keep, entries, COUNT: tl.constexpr):
    """Write COUNT bools, the lowest bit first, from bit `first` on, a multiple of 8."""
    eights = tl.reshape(keep.to(tl.int32), (COUNT // 8, 8)) << tl.arange(0, 8)[None, :]
    at = first // 8 + tl.arange(0, COUNT // 8)
    there = at < (entries + 7) // 8
    tl.store(address + at, tl.sum(eights, axis=1).to(tl.uint8), mask=there)


@triton.jit
def get_bits(address, at, there):
    """Read bools at the given entries."""
    byte = tl.load(address + at // 8, mask=there, other=0).to(tl.int32)
    return ((byte >> (at % 8).to(tl.int32)) & 1) != 0


@triton.jit
def refresh_kernel(
    weights,
    effectives,
    masks,
    decays,
    sizes,
    tiles,
    n_tiles,
    N: tl.constexpr,
    M: tl.constexpr,
    GROUPS: tl.constexpr,
    ELEMENT: tl.constexpr,
    KEY: tl.constexpr,
    LARGEST: tl.constexpr,
    INFINITE: tl.constexpr,
    BITS: tl.constexpr,
):
    """Mask of largest magnitude, lowest index on ties, and effective weight."""
    tile = tl.program_id(0)
    which = tl.load(tiles + tile)
    first = tl.load(tiles + n_tiles + tile) * M
    entries = tl.load(sizes + which)
    at = first + tl.arange(0, GROUPS)[:, None] * M + tl.arange(0, M)[None, :]
    there = at < entries
    weight = tl.load(weights + which).to(tl.pointer_type(ELEMENT))
    effective = tl.load(effectives + which).to(tl.pointer_type(ELEMENT))
    x = tl.load(weight + at, mask=there, other=0.0)
    key = keys_of(x, LARGEST, INFINITE, KEY)
    limit = nth_largest(key, N, M, BITS)
    above, equal = key > limit, key == limit
    room = N - tl.sum(above.to(tl.int32), axis=1)[:, None]
    keep = above | (equal & (tl.cumsum(equal.to(tl.int32), axis=1) <= room))
    tl.store(effective + at, decayed(x, keep, tl.load(decays + which), ELEMENT), mask=there)
    mask = tl.load(masks + which).to(tl.pointer_type(tl.uint8))
    put_bits(mask, first, keep, entries, GROUPS * M)


@triton.jit
def write_kernel(
    weights,
    effectives,
    masks,
    decays,
    sizes,
    tiles,
    n_tiles,
    COUNT: tl.constexpr,
    ELEMENT: tl.constexpr,
):
    """Effective weight with a mask at hand."""
    tile = tl.program_id(0)
    which = tl.load(tiles + tile)
    at = tl.load(tiles + n_tiles + tile) + tl.arange(0, COUNT)
    there = at < tl.load(sizes + which)
    weight = tl.load(weights + which).to(tl.pointer_type(ELEMENT))
    effective = tl.load(effectives + which).to(tl.pointer_type(ELEMENT))
    keep = get_bits(tl.load(masks + which).to(tl.pointer_type(tl.uint8)), at, there)
    x = tl.load(weight + at, mask=there, other=0.0)
    tl.store(effective + at, decayed(x, keep, tl.load(decays + which), ELEMENT), mask=there)


@triton.jit
def restrict_kernel(
    gradients,
    weights,
    masks,
    decays,
    lambdas,
    sizes,
    tiles,
    n_tiles,
    COUNT: tl.constexpr,
    ELEMENT: tl.constexpr,
):
    """Make gradients g (.) [mask + D (1 - mask)] + lambda (1 - mask) (.) W, in place."""
    tile = tl.program_id(0)
    which = tl.load(tiles + tile)
    at = tl.load(tiles + n_tiles + tile) + tl.arange(0, COUNT)
    there = at < tl.load(sizes + which)
    gradient = tl.load(gradients + which).to(tl.pointer_type(ELEMENT))
    weight = tl.load(weights + which).to(tl.pointer_type(ELEMENT))
    keep = get_bits(tl.load(masks + which).to(tl.pointer_type(tl.uint8)), at, there)
    g = decayed(
        tl.load(gradient + at, mask=there, other=0.0), keep, tl.load(decays + which), ELEMENT
    )
    srste = tl.load(lambdas + which)
    if srste != 0.0:
        w = widened(tl.load(weight + at, mask=there, other=0.0), ELEMENT)
        g = rounded(tl.fma(tl.where(keep, 0.0, w), srste, widened(g, ELEMENT)), ELEMENT)
    tl.store(gradient + at, g, mask=there)
