"""The log of a run: what its training says, how it ended, and where it hung."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from pgf.errors import DISK_FULL, BusyError, UserError
from pgf.experiments import RunSpec
from pgf.records import TRAIN_LOG
from pgf.training import InterruptedRunError, Watch

log = logging.getLogger(__name__)


@contextmanager
def log_file(directory: Path) -> Iterator[None]:
    """Have the package's log go to the run's own file too."""
    handler = logging.FileHandler(directory / TRAIN_LOG, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("pgf").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("pgf").removeHandler(handler)
        handler.close()


@contextmanager
def last_words(specs: Sequence[RunSpec]) -> Iterator[None]:
    """Have the runs' logs say how they ended, if not well."""
    spec, others = specs[0], len(specs) - 1
    title = spec.title + (f" and the {others} stacked with it" if others else "")
    try:
        yield
    except (InterruptedRunError, BusyError) as error:
        log.info("%s: stopped (%s)", title, error)
        raise
    except UserError as error:
        log.error("%s", error)
        raise
    except torch.OutOfMemoryError as error:
        parts = spec.training.accumulation
        samples = spec.training.batch_size // (parts * spec.training.processes)
        stack = spec.training.stack
        problem = (
            f"{title}: the GPU's memory does not hold {samples} samples at a time"
            + (f" of {stack} runs: lower training.stack, or" if stack > 1 else ":")
            + f" raise training.accumulation, which is {parts}"
        )
        log.error(problem)
        raise UserError(problem) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            log.error("%s: no space left on the disk", title)
        else:
            log.exception("%s: a fault of pgf or of what it calls", title)
        raise


@contextmanager
def traces_in(path: Path, watch: Watch) -> Iterator[None]:
    """Have a process that hangs leave its stack traces in the run's log."""
    with path.open("a", encoding="utf-8") as file:
        before, watch.traces = watch.traces, file
        try:
            yield
        finally:
            watch.rest()  # before the file is closed
            watch.traces = before
