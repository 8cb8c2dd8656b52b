"""The GPUs of this machine, shared out to its jobs: each is one job's at a time.

Snakemake counts GPUs but hands none out. SLURM does both; where it starts the jobs, none are named
here and nothing is done.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pgf.errors import UserError

GPUS = "PGF_GPUS"
"""Environment variable: the GPUs to share out, as in CUDA_VISIBLE_DEVICES."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
LOOK_SECONDS = 1.0


def choose_gpus(count: int, *, there: int) -> str:
    """Return the names of the first `count` GPUs that this process may use.

    Args:
        count: how many to use.
        there: how many torch sees.

    Raises:
        UserError: there are not so many.
    """
    if not min(1, there) <= count <= there:
        cpu = "; to train on the CPU, set training.device: cpu" if count == 0 else ""
        raise UserError(f"--gpus is {count}, but torch sees {there} on this machine{cpu}")
    visible = os.environ.get(VISIBLE)
    names = visible.split(",") if visible else [str(number) for number in range(there)]
    return ",".join(names[:count])


@contextmanager
def claimed_gpus(count: int) -> Iterator[None]:
    """Hold `count` of the GPUs to be shared out, and let torch see no other.

    Waits until so many are free; a killed holder's are. Who takes none waits for none.

    Raises:
        UserError: more are wanted than there are.
    """
    names = [name for name in os.environ.get(GPUS, "").split(",") if name]
    if not names or count == 0:
        yield
        return
    if count > len(names):
        raise UserError(
            f"a run takes {count} GPUs (training.processes), but there are {len(names)} to share "
            f"out ({GPUS}={','.join(names)})"
        )
    with ExitStack() as stack:
        held = _hold(names, count, stack)
        while len(held) < count:
            stack.close()
            time.sleep(LOOK_SECONDS)
            held = _hold(names, count, stack)
        os.environ[VISIBLE] = ",".join(held)
        yield


def _hold(names: Sequence[str], count: int, stack: ExitStack) -> list[str]:
    folder = Path(tempfile.gettempdir()) / f"pgf-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    held: list[str] = []
    for name in names:
        lock = FileLock(folder / name)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        stack.callback(lock.release)
        held.append(name)
        if len(held) == count:
            break
    return held
