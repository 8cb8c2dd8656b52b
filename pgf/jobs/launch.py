"""Starts the processes that train one run together, as `torchrun` does."""

import os
import signal
import sys
from collections.abc import Sequence

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from pgf.training import TO_BE_CONTINUED

SIGNALS = "SIGTERM,SIGINT,SIGUSR1,SIGUSR2"
INTERRUPTED = 130
"""Exit code of what Ctrl-C ended."""
SECONDS_TO_STOP = 600
"""Seconds that the processes have to write their checkpoint."""


def run_in_processes(count: int, arguments: Sequence[str]) -> int:
    """Run this command in `count` processes on this machine; return their exit code.

    Over several machines, `torchrun` itself starts them: `torchrun --nnodes ... -m pgf train ...`.
    """
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=f"pgf-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        signals_to_handle=SIGNALS,
        shutdown_timeout=SECONDS_TO_STOP,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "pgf", *arguments)
    except SignalException as error:
        return INTERRUPTED if error.sigval == signal.SIGINT else TO_BE_CONTINUED
    except ChildFailedError as error:
        code = error.get_first_failure()[1].exitcode
        return code if code > 0 else 1
    return 0
