"""Processes that share every batch train what one process does with micro-batches."""

import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.checkouts import Checkout, wait_for
from support.helpers import tiny_spec
from support.torchrun import in_processes
from support.two_processes import PROCESSES, SPECS, state
from support.two_processes import trained as trained_here

from pgf.experiments.run_spec import RunSpec
from pgf.tasks.data.streams import index_batches, share_of
from pgf.training.interruption import TO_BE_CONTINUED

TOLERANCE = 2e-5
"""Of weights of order 0.1 after 14 steps of AdamW: sums in another order, nothing else."""
HALF_TOLERANCE = 2e-2


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    in_processes("two_processes.py", folder, count=PROCESSES)
    return folder


def load(folder: Path, name: str, rank: int) -> Any:
    return torch.load(folder / f"{name}.{rank}.pt", weights_only=True)


def alone(spec: RunSpec) -> RunSpec:
    """Return the same run in one process, its micro-batches those of all processes."""
    training = spec.training
    parts = training.accumulation * training.processes
    return replace(spec, training=replace(training, processes=1, accumulation=parts))


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_every_process_has_bitwise_the_same_weights_and_masks(name: str, trained: Path) -> None:
    first, *others = (load(trained, name, rank)["state"] for rank in range(PROCESSES))
    for other in others:
        assert first.keys() == other.keys()
        assert all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_processes_train_what_one_does_with_micro_batches(name: str, trained: Path) -> None:
    together = load(trained, name, 0)
    run = trained_here(alone(SPECS[name]))
    tolerance = HALF_TOLERANCE if name == "half" else TOLERANCE
    expected = state(run)
    for key, value in together["state"].items():
        if key.startswith("mask "):
            assert (value != expected[key]).float().mean() <= (0.02 if name == "half" else 0), key
        elif not key.endswith("k_proj.bias"):
            # Attention is blind to its keys' bias: that gradient is rounding, scaled up by Adam.
            assert torch.allclose(value, expected[key], rtol=0, atol=tolerance), key
    losses = [row for row in together["rows"] if row[1] == "loss"]
    wanted = [tuple(row) for row in run.all_rows() if row.name == "loss"]
    assert [row[0] for row in losses] == [row[0] for row in wanted]
    assert [row[4] for row in losses] == pytest.approx([row[4] for row in wanted], rel=1e-2)


@pytest.mark.slow
def test_the_first_process_alone_takes_statistics(trained: Path) -> None:
    rows = [load(trained, "sr_ste", rank)["rows"] for rank in range(PROCESSES)]
    names = [{row[1] for row in own} for own in rows]
    assert "gradient_variance" in names[0] and "gradient_variance" not in names[1]


TWO = (
    "name: two\ntasks: {digits_vit: {}}\n"
    "training: {steps: 120, batch_size: 32, learning_rate: 0.002, evaluations: 2,"
    " processes: 2, checkpoint_every: 10}\n"
    'targets: ["1:4(FF)"]\nrecipes: {sr_ste: {options: {dense: 0.1}}}\nseeds: [0]\n'
)


def checkout_of_two(folder: Path) -> tuple[Checkout, Path]:
    """Return a copy of the project with an experiment of one run, and that run's folder."""
    checkout = Checkout(folder)
    (checkout.root / "configs/two.yaml").write_text(TWO)
    return checkout, checkout.root / "results/two/runs/digits_vit/sr_ste/1of4_FF/seed0"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The curves of the run when nothing stops it."""
    checkout, run = checkout_of_two(tmp_path_factory.mktemp("undisturbed"))
    code, output = checkout.run("pgf", "train", "two")
    assert code == 0, output
    return (run / "curves.parquet").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "signalled", ["all", pytest.param("the second alone", marks=pytest.mark.long)]
)
def test_processes_that_are_stopped_go_on_bitwise(
    signalled: str, undisturbed: bytes, tmp_path: Path
) -> None:
    checkout, run = checkout_of_two(tmp_path)
    with checkout.start("pgf", "train", "two") as process:
        while not (run / "checkpoint.pt").exists():
            assert process.poll() is None
        if signalled == "all":
            process.terminate()
        else:
            os.kill(child_of(process.pid, "LOCAL_RANK=1"), signal.SIGTERM)
        wait_for("pgf: stopped (SIGTERM, at step", process)
        process.communicate()  # a closed pipe would change the exit code
    assert process.returncode == TO_BE_CONTINUED
    assert not (run / "record.json").exists()
    code, output = checkout.run("pgf", "train", "two")
    assert code == 0, output
    assert (run / "curves.parquet").read_bytes() == undisturbed


def child_of(process: int, variable: str) -> int:
    """Return the child of a process that has a variable in its environment."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            is_child = f"PPid:\t{process}\n" in status.read_text()
            if is_child and variable.encode() in (status.parent / "environ").read_bytes():
                return int(status.parent.name)
    raise AssertionError(f"no child with {variable}")


def test_shares_of_a_batch_are_the_batch() -> None:
    whole = next(index_batches(50, batch_size=24, seed=1))
    parts = [next(index_batches(50, batch_size=24, seed=1, part=(i, 3))) for i in range(3)]
    assert torch.equal(torch.cat([indices for _, _, indices in parts]), whole[2])
    assert [start for _, start, _ in parts] == [0, 8, 16]
    assert [share_of(24, (i, 3)) for i in range(3)] == [(0, 8), (8, 16), (16, 24)]


def test_a_batch_that_cannot_be_shared_is_bad_input() -> None:
    with pytest.raises(ValueError, match="not a multiple of accumulation 2 x processes 5"):
        tiny_spec("ste", accumulation=2, processes=5)


def test_the_number_of_processes_is_part_of_a_run() -> None:
    assert tiny_spec("ste", processes=2).fingerprint() != tiny_spec("ste").fingerprint()
    assert tiny_spec("ste", checkpoint_minutes=3.0).fingerprint() == tiny_spec("ste").fingerprint()
