"""Tests of Triton kernels under Triton's interpreter."""

import os
import subprocess
import sys


def run_interpreted(file: str) -> None:
    """Run a test file in a process that is set to the interpreter from its start.

    Decorated functions are made for the interpreter, or not, when Triton is imported.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "passed" in done.stdout and "failed" not in done.stdout
