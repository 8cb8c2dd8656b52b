"""Builds the native kernels on first use and keeps them, one build per compiler, source and CPU.

Not through torch's own extension builder: that reads half a minute of headers, needs ninja, and
waits for ever for the lock of a build that was killed.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

HEADER = Path(__file__).with_name("lanes.h")
FLAGS = ("-O3", "-march=native", "-std=gnu++17", "-shared", "-fPIC")
LONGEST_SECONDS = 300
SWITCH = "PGF_NATIVE"
"""Environment variable; 0 leaves all to torch."""


@dataclass(frozen=True)
class Source:
    """A file of kernels; it may include `lanes.h`."""

    path: Path
    without: str
    """Words for the log where it cannot be built."""
    headers: tuple[Path, ...] = ()
    """Others that it includes."""


MASKS = Source(Path(__file__).with_name("nm.cpp"), "masks are taken by torch, more slowly")


@cache
def library(source: Source = MASKS) -> ctypes.CDLL | None:
    """Return native kernels, or None where there is no compiler for them."""
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        return _loaded(compiler(), source)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        # Torch does the same, bitwise, only slower.
        said = getattr(error, "stderr", "") or str(error)
        log.info("%s: no native kernels (%s)", source.without, said.strip()[-500:])
        return None


def _loaded(path: str, source: Source) -> ctypes.CDLL:
    built = _built(path, source)
    try:
        return ctypes.CDLL(str(built))
    except OSError:  # cut short by a full disk, or by whoever clears caches
        built.unlink()
        return ctypes.CDLL(str(_built(path, source)))


def compiler() -> str:
    """Return the path of the C++ compiler: that of CXX, or else g++.

    Raises:
        OSError: there is none.
    """
    name = os.environ.get("CXX") or "g++"
    path = shutil.which(name)
    if path is None:
        raise OSError(f"no compiler {name}")
    return path


def folder() -> Path:
    """Return where builds are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pgf"


def _built(path: str, source: Source = MASKS) -> Path:
    target = folder() / f"{source.path.stem}-{_key(path, source)}.so"
    if not target.exists():
        folder().mkdir(parents=True, exist_ok=True)
        # Whoever builds at the same time builds the same; the last one to finish stays.
        with tempfile.TemporaryDirectory(dir=folder()) as building:
            made = Path(building) / "built.so"
            subprocess.run(
                [path, *FLAGS, str(source.path), "-o", str(made)],
                check=True,
                capture_output=True,
                text=True,
                timeout=LONGEST_SECONDS,
            )
            made.replace(target)
    return target


def _key(path: str, source: Source) -> str:
    """Return a hash of all that a build depends on: homes are shared by unlike machines."""
    status = os.stat(path)
    texts = (file.read_text() for file in (source.path, HEADER, *source.headers))
    parts = [*texts, *FLAGS, path, str(status.st_size), str(status.st_mtime_ns), _cpu()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    names = ("flags", "Features", "model name", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(names)}))
