"""A run that is asked to stop leaves a checkpoint, from which it goes on bitwise."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from support.checkouts import Checkout, wait_for
from support.compare import assert_same_run
from support.helpers import EVERY_RECIPE, digits, tiny_spec, trained

from pgf.experiments.run_spec import RunSpec
from pgf.jobs.job import run_job
from pgf.records.record import RECORD
from pgf.training import checkpoints
from pgf.training.interruption import (
    HANG_SECONDS,
    SIGNALS,
    TO_BE_CONTINUED,
    InterruptedRunError,
    Watch,
)
from pgf.training.loop import train
from pgf.training.run_state import Run

STOPPED = {signal.SIGTERM: TO_BE_CONTINUED, signal.SIGUSR1: TO_BE_CONTINUED, signal.SIGINT: 130}
"""Signal -> exit code of the command that it stops."""


def going_on(spec: RunSpec, path: Path, *, at: int) -> Run:
    """Return a finished run that went on from a checkpoint of step `at`."""
    torch.manual_seed(991)  # what another process would find
    run = Run.make(spec, splits=digits())
    state = checkpoints.load(path, fingerprint=spec.fingerprint())
    assert state is not None and state["step"] == at
    run.load_state_dict(state)
    return train(run)


@pytest.mark.parametrize("recipe", EVERY_RECIPE)
def test_a_run_stopped_by_a_signal_goes_on_bitwise(recipe: str, tmp_path: Path) -> None:
    spec, path, watch = tiny_spec(recipe), tmp_path / "c.pt", Watch()

    def signalled(run: Run) -> None:
        if run.step == 6:
            watch.signalled = "SIGTERM"

    with pytest.raises(InterruptedRunError, match="SIGTERM, at step 7"):
        train(Run.make(spec, splits=digits()), checkpoint=path, progress=signalled, watch=watch)
    assert_same_run(going_on(spec, path, at=7), trained(spec))


def test_a_run_stopped_while_it_evaluates_does_that_evaluation_anew(tmp_path: Path) -> None:
    spec, path, watch = tiny_spec("mdgf_linear", ema_decay=0.8), tmp_path / "c.pt", Watch()
    run = Run.make(spec, splits=digits())

    def look(module: torch.nn.Module, inputs: Any) -> None:
        del inputs
        if not module.training and run.evaluations:
            watch.signalled = "SIGUSR1"

    run.model.register_forward_pre_hook(look, prepend=True)
    with pytest.raises(InterruptedRunError, match="SIGUSR1, at step 9"):
        train(run, checkpoint=path, watch=watch)
    assert [e.step for e in run.evaluations] == [5] and watch.has_worked
    assert_same_run(going_on(spec, path, at=9), trained(spec))


def test_an_evaluation_that_never_ends_in_time_is_no_work(tmp_path: Path) -> None:
    spec, path, watch = tiny_spec("ste"), tmp_path / "c.pt", Watch()
    run = Run.make(spec, splits=digits())

    def look(module: torch.nn.Module, inputs: Any) -> None:
        del inputs
        if not module.training:
            watch.signalled = "SIGTERM"

    run.model.register_forward_pre_hook(look, prepend=True)
    with pytest.raises(InterruptedRunError, match="at step 5"):
        train(run, checkpoint=path, watch=watch)
    again = Watch(signalled="")
    resumed = Run.make(spec, splits=digits())
    state = checkpoints.load(path, fingerprint=spec.fingerprint())
    assert state is not None
    resumed.load_state_dict(state)
    watch = again
    resumed.model.register_forward_pre_hook(look, prepend=True)
    with pytest.raises(InterruptedRunError, match="at step 5"):
        train(resumed, checkpoint=path, watch=watch)
    assert not watch.has_worked, "another slice of the same length would be in vain"


def test_a_rest_is_no_slow_step() -> None:
    watch = Watch()
    with watch.over_steps():
        watch._last -= 1000.0
        watch.rest()
        watch.beat()
    assert watch._slowest < 900.0


def test_a_run_stops_before_its_time_is_over(tmp_path: Path) -> None:
    watch = Watch(deadline=time.time() + 50.0, reserve=60.0)
    run = Run.make(tiny_spec("ste"), splits=digits())
    with pytest.raises(InterruptedRunError, match="time is nearly over, at step 1"):
        train(run, checkpoint=tmp_path / "c.pt", watch=watch)
    assert watch.has_worked


def test_slow_steps_are_given_more_time_to_stop_in() -> None:
    watch = Watch(deadline=time.time() + 100.0, reserve=60.0)
    assert watch.reason() == ""
    watch._slowest = 30.0
    assert watch.reason()


def test_a_run_at_its_end_is_not_stopped_any_more(tmp_path: Path) -> None:
    spec, watch = tiny_spec("ste"), Watch()
    run = Run.make(spec, splits=digits())

    def signalled(run: Run) -> None:
        if run.step == spec.training.steps:
            watch.signalled = "SIGTERM"

    assert train(run, progress=signalled, watch=watch).step == spec.training.steps


def test_a_job_that_is_asked_to_stop_begins_no_further_run(tmp_path: Path) -> None:
    specs, watch = [tiny_spec("ste"), tiny_spec("dense")], Watch()

    def finished(*_: object) -> None:
        watch.signalled = "SIGTERM"

    with pytest.raises(InterruptedRunError, match="before digits, DENSE"):
        run_job(specs, tmp_path, announce=finished, progress=lambda _: None, watch=watch)
    there = [(spec.directory(tmp_path) / RECORD).exists() for spec in specs]
    assert there == [True, False]


@pytest.mark.parametrize(("minutes", "exists"), [(1e-9, True), (1e9, False)])
def test_a_checkpoint_is_written_after_some_time(
    minutes: float, exists: bool, tmp_path: Path
) -> None:
    spec, path = tiny_spec("ste", checkpoint_minutes=minutes, checkpoint_every=999), tmp_path / "c"
    found: list[bool] = []
    trained(spec, checkpoint=path, progress=lambda run: found.append(path.exists()))
    assert found[:-1] == [exists] * 13


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_handlers_are_restored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Watch().on_duty() as watch:
        os.kill(os.getpid(), number)
        assert watch.reason() == number.name
    assert signal.getsignal(number) == before


def test_a_second_ctrl_c_ends_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), Watch().on_duty() as watch:
        os.kill(os.getpid(), signal.SIGINT)
        assert watch.reason() == "SIGINT"
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_first_ctrl_c_says_what_the_second_does(capfd: pytest.CaptureFixture[str]) -> None:
    with Watch().on_duty():
        os.kill(os.getpid(), signal.SIGINT)
    assert "Ctrl-C again ends at once" in capfd.readouterr().err


def test_a_process_without_a_sign_of_life_ends_with_its_stack() -> None:
    program = (
        "from pgf.training.interruption import Watch\n"
        "with Watch(hang_seconds=0.2).over_steps():\n"
        "    while True: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Timeout" in done.stderr and 'File "<string>", line 3' in done.stderr


def test_signs_of_life_put_the_end_off() -> None:
    assert HANG_SECONDS >= 600
    watch = Watch(hang_seconds=1000.0)
    with watch.over_steps():
        armed = watch._armed
        watch.beat()
        assert watch._armed == armed  # not every step starts a thread
        watch._armed -= 11.0
        watch.beat()
        assert watch._armed >= armed
    assert watch._armed < 0, "nobody watches over what comes between runs"


@pytest.mark.slow
def test_a_stopped_command_says_so_and_the_same_command_goes_on(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    arguments = ("pgf", "train", "long", "--recipe", "sr_ste")
    (checkout.root / "configs/long.yaml").write_text(
        "name: long\n"
        "tasks: {digits_vit: {}}\n"
        "training: {steps: 400, batch_size: 32, learning_rate: 0.002, evaluations: 2}\n"
        'targets: ["1:4(FF)"]\n'
        "recipes: {dense: {}, sr_ste: {}}\n"
        "seeds: [0]\n"
    )
    log = checkout.root / "results/long/runs/digits_vit/sr_ste/1of4_FF/seed0/train.log"
    for number, code in STOPPED.items():
        with checkout.start(*arguments, "--seed", "0") as process:
            while not (log.parent / ".lease").exists():
                assert process.poll() is None
            os.kill(process.pid, number)
            wait_for(f"stopped ({number.name}", process)
            process.communicate()  # a closed pipe would change the exit code
        assert process.returncode == code
    code, output = checkout.run(*arguments)
    assert code == 0 and "[1/2]" in output
