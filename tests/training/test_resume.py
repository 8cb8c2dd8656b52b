"""Interrupted runs go on as if they had not been; checkpoints that cannot be used are kept."""

import pickle
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.compare import assert_same, assert_same_run
from support.helpers import EVERY_RECIPE, digits, resumed, tiny_spec, trained

from pgf.errors import UserError
from pgf.tasks.data.streams import TensorData, index_batches
from pgf.training import checkpoints
from pgf.training.run_state import Run


@pytest.mark.parametrize("recipe", EVERY_RECIPE)
def test_a_resumed_run_is_the_uninterrupted_one_bitwise(recipe: str, tmp_path: Path) -> None:
    spec = tiny_spec(recipe, checkpoint_every=1, ema_decay=0.8)
    whole = trained(spec)
    for step in (1, 4, 7, 10, 13):
        again = resumed(spec, tmp_path / f"{step}.pt", at=step)
        assert_same_run(again, whole)
        assert again.average is not None and whole.average is not None
        assert_same(again.average.ema.state_dict(), whole.average.ema.state_dict())


def test_a_resumed_run_of_half_precision_keeps_its_loss_scale(tmp_path: Path) -> None:
    spec = tiny_spec("sr_ste", precision="float16", checkpoint_every=1)
    assert_same_run(resumed(spec, tmp_path / "c.pt", at=5), trained(spec))


def test_the_loss_scale_of_a_checkpoint_is_taken_up() -> None:
    spec = tiny_spec("ste", precision="float16", steps=2)
    run, other = trained(spec), Run.make(spec, splits=digits())
    run.precision.scaler.update(384.0)
    other.load_state_dict(run.state_dict())
    assert other.precision.scaler.get_scale() == 384.0


def test_a_corrupt_checkpoint_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    for content in (b"", b"no checkpoint", bytes(range(256)) * 9):
        path.write_bytes(content)
        assert checkpoints.load(path, fingerprint="f") is None
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{path.name}.bad{i}" for i in (1, 2, 3)]


def saved_state(path: Path) -> bytes:
    run = Run.make(tiny_spec("mdgf_linear", checkpoint_every=1), splits=digits())
    checkpoints.save(path, run.state_dict())
    return path.read_bytes()


def test_a_checkpoint_that_is_cut_short_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    content = saved_state(path)
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(content[: int(share * len(content))])
        assert checkpoints.load(path, fingerprint="f") is None
        assert not path.exists()


def test_a_checkpoint_of_other_settings_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    saved_state(path)
    assert checkpoints.load(path, fingerprint="other") is None
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt.bad1"]


def test_a_failing_write_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    content = saved_state(path)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        checkpoints.save(path, {"unwritable": lambda: None})
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


@given(st.integers(0, 400), st.integers(1, 60), st.integers(1, 30), st.integers(0, 9))
def test_batches_go_on_from_any_step(first: int, n: int, batch_size: int, seed: int) -> None:
    batch_size = min(n, batch_size)
    whole = islice(index_batches(n, batch_size=batch_size, seed=seed), first, first + 5)
    later = index_batches(n, batch_size=batch_size, seed=seed, first_step=first)
    for (*place, indices), (*expected_place, expected) in zip(islice(later, 5), whole, strict=True):
        assert place == expected_place and torch.equal(indices, expected)


@given(st.integers(1, 60), st.integers(1, 30), st.integers(0, 9), st.integers(2, 4))
def test_repeats_of_a_sample_stand_in_a_row(
    n: int, batch_size: int, seed: int, repeats: int
) -> None:
    batch_size = min(n, batch_size)
    batches = index_batches(n, batch_size=batch_size, seed=seed, repeats=repeats)
    epoch = list(islice(batches, n // batch_size))
    order = torch.cat([indices for _, _, indices in epoch]).tolist()
    runs = [order[i : i + repeats] for i in range(0, len(order), repeats)]
    assert all(len(set(run)) == 1 for run in runs)
    assert len({run[0] for run in runs}) == len(runs)
    assert [start for _, start, _ in epoch] == [i * batch_size for i in range(len(epoch))]


@given(st.integers(1, 60), st.integers(1, 30), st.integers(0, 9))
def test_an_epoch_holds_no_sample_twice(n: int, batch_size: int, seed: int) -> None:
    batch_size = min(n, batch_size)
    batches = list(islice(index_batches(n, batch_size=batch_size, seed=seed), n // batch_size))
    indices = torch.cat([indices for _, _, indices in batches]).tolist()
    assert {epoch for epoch, _, _ in batches} == {0}
    assert len(set(indices)) == len(indices) > n - batch_size


def test_inputs_and_labels_stay_together() -> None:
    labels = torch.arange(50)
    stream = TensorData(labels * 3.0, labels).stream(batch_size=7, seed=2)
    assert all(torch.equal(x, 3.0 * y) for x, y in islice(stream, 9))


def test_a_batch_of_more_samples_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match=r"batch_size 24 is more than the 9"):
        next(index_batches(9, batch_size=24, seed=1))
