"""Scripts of this folder in several processes of one group."""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def in_processes(script: str, folder: Path, *, count: int = 2) -> None:
    """Run a script of this folder by `torchrun`; it leaves its results in a folder.

    Args:
        script: its file name.
        folder: the script's argument.
        count: processes.
    """
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(count), str(FOLDER / script), str(folder)),
        ],
        check=True,
        cwd=FOLDER.parent,
        env={**os.environ, "PYTHONPATH": f"{FOLDER.parent}:{FOLDER.parents[1]}"},
    )
