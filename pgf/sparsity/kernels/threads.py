"""Native calls in as many threads as torch has; they release the interpreter while they work."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

WORTH_A_THREAD = 1 << 17
"""Entries; a thread takes some 20 us to start on them."""


def in_parts(part: Callable[[int, int], None], count: int, *, entries: float, unit: int) -> None:
    """Call `part(first, how_many)` until `count` are done, in as many threads as torch has.

    Args:
        part: what releases the interpreter while it works.
        count: how many there are.
        entries: work in each of them, in weights read or multiplied.
        unit: what `first` is a multiple of.
    """
    threads = min(torch.get_num_threads(), int(count * entries) // WORTH_A_THREAD)
    if threads < 2:
        part(0, count)
        return
    step = -(-count // (threads * unit)) * unit
    starts = range(0, count, step)
    list(_pool(threads).map(lambda first: part(first, min(step, count - first)), starts))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pgf-kernels")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of the threads
