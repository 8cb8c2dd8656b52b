"""A workflow that is interrupted or started twice loses nothing."""

import os
import re
import signal
from pathlib import Path

import pytest
from support.checkouts import Checkout, wait_for

pytestmark = pytest.mark.slow

LONG = """
name: long
tasks: {digits_vit: {}}
training: {steps: 400, batch_size: 32, learning_rate: 0.002, evaluations: 2, checkpoint_every: 70}
targets: ["1:4(FF)"]
recipes: {sr_ste: {}}
seeds: [0]
"""


@pytest.mark.long
def test_ctrl_c_keeps_a_checkpoint_and_the_same_command_goes_on(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    (checkout.root / "configs/long.yaml").write_text(LONG)
    command = ("pgf", "reproduce", "long", "--jobs", "1")
    with checkout.start(*command) as process:
        folder = checkout.root / "results/long/runs/digits_vit/sr_ste/1of4_FF/seed0"
        while not (folder / "checkpoint.pt").exists():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate()[0]
    assert process.returncode == 130, output
    stopped = re.search(r"stopped \(SIGINT, at step (\d+)\)", output)
    assert stopped and (folder / "checkpoint.pt").exists(), output
    with checkout.start(*command) as process:
        # That step, and not the one of the checkpoint before.
        while f"resumed at step {stopped[1]}\n" not in (folder / "train.log").read_text():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)


def test_of_two_at_once_one_works_and_the_other_says_so(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    with checkout.start("pgf", "reproduce", "tiny", "--jobs", "1") as first:
        wait_for("runs to train", first)
        code, output = checkout.run("pgf", "reproduce", "tiny")
        os.killpg(first.pid, signal.SIGKILL)
    assert code == 2
    assert f"another process ({first.pid}) is at work on the experiment 'tiny'" in output
