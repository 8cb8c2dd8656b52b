"""Batches of texts: what is in them, in which order, and how little is padded."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgf.errors import UserError
from pgf.tasks.data.texts import IGNORED, PADDING, TextData, as_texts, joined, like_lengths, padded

LENGTHS = st.lists(st.integers(1, 60), min_size=6, max_size=60).map(np.array)


def letters(texts: list[str]) -> list[list[int]]:
    """Return a token for every letter, and an end mark."""
    return [[*map(ord, text), 1] for text in texts]


def data(texts: list[str], pool: int = 4) -> TextData:
    return TextData.of([(text, text[::-1]) for text in texts], encode=letters, pool=pool)


@given(LENGTHS, st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_an_epoch_has_every_sample_at_most_once(
    lengths: np.ndarray, size: int, pool: int, seed: int
) -> None:
    per_epoch = len(lengths) // size
    batches = list(
        islice(like_lengths(lengths, batch_size=size, seed=seed, pool=pool), 2 * per_epoch)
    )
    for epoch in (batches[:per_epoch], batches[per_epoch:]):
        seen = np.concatenate(epoch).tolist()
        assert len(seen) == len(set(seen)) == per_epoch * size
        assert set(seen) <= set(range(len(lengths)))


@given(LENGTHS, st.integers(1, 6), st.integers(1, 5), st.integers(0, 30))
def test_batches_are_a_function_of_seed_and_step(
    lengths: np.ndarray, size: int, pool: int, step: int
) -> None:
    whole = like_lengths(lengths, batch_size=size, seed=5, pool=pool)
    later = like_lengths(lengths, batch_size=size, seed=5, pool=pool, first_step=step)
    for a, b in zip(islice(whole, step, step + 4), islice(later, 4), strict=True):
        assert a.tolist() == b.tolist()


def test_seeds_and_epochs_differ() -> None:
    lengths = np.arange(64)
    first = [b.tolist() for b in islice(like_lengths(lengths, batch_size=4, seed=0, pool=2), 32)]
    other = [b.tolist() for b in islice(like_lengths(lengths, batch_size=4, seed=1, pool=2), 16)]
    assert first[:16] != other and first[:16] != first[16:]


def test_a_pool_of_the_whole_epoch_is_sorted_and_shuffled_by_batches_alone() -> None:
    lengths = np.random.default_rng(0).permutation(64)
    batches = list(islice(like_lengths(lengths, batch_size=8, seed=0, pool=8), 8))
    assert sorted(int(lengths[b].min()) for b in batches) == list(range(0, 64, 8))
    assert [int(lengths[b].min()) for b in batches] != list(range(0, 64, 8))
    assert all(np.ptp(lengths[b]) == 7 for b in batches)


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(UserError, match="batch_size 9 is more than the 8 training samples"):
        next(like_lengths(np.ones(8), batch_size=9, seed=0, pool=1))


def test_a_batch_is_the_texts_padded_to_its_longest() -> None:
    inputs, labels = data(["ab", "c", "xyz"]).batch(np.array([2, 1]))
    assert inputs.tolist() == [[*map(ord, "xyz"), 1], [ord("c"), 1, PADDING, PADDING]]
    assert labels.tolist() == [[*map(ord, "zyx"), 1], [ord("c"), 1, IGNORED, IGNORED]]
    assert inputs.dtype == labels.dtype == torch.long


@given(
    st.lists(st.text("abcde", min_size=1, max_size=9), min_size=1, max_size=20), st.integers(1, 7)
)
def test_every_sample_is_evaluated_once_the_longest_first(texts: list[str], size: int) -> None:
    own = data(texts)
    seen, sizes = [], []
    for indices, (inputs, _) in own.by_length(size):
        seen += indices.tolist()
        sizes.append(inputs.shape[1])
        rows = own.batch(indices)[0]
        assert torch.equal(inputs, rows)
    assert sorted(seen) == list(range(len(texts)))
    assert sizes == sorted(sizes, reverse=True)
    assert sum(len(inputs) for inputs, _ in own.in_order(size)) == len(texts)


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=1, max_size=6))
def test_padding_loses_nothing(rows: list[list[int]]) -> None:
    table = padded(rows, IGNORED)
    assert table.shape == (len(rows), max(map(len, rows)))
    assert [[value for value in row if value != IGNORED] for row in table.tolist()] == rows


def test_columns_of_several_splits_become_one() -> None:
    assert joined([as_texts(["a", "b"]), as_texts(["c"])]).to_pylist() == ["a", "b", "c"]


def test_halves_of_batches_are_of_one_length_on_average() -> None:
    lengths = np.random.default_rng(1).integers(1, 100, 4000)
    batches = np.stack(list(islice(like_lengths(lengths, batch_size=40, seed=0, pool=100), 100)))
    first, second = lengths[batches[:, :20]].mean(axis=1), lengths[batches[:, 20:]].mean(axis=1)
    assert 30 <= (first < second).sum() <= 70  # sorted rows would make it all 100
