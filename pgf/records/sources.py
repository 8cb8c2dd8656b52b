"""Collected results of other checkouts: a folder of this machine, or one that a server shows."""

import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from pgf.errors import UserError
from pgf.records.checksums import CHECKSUMS
from pgf.records.collected import CURVES_FILE, RUNS_FILE, Collected, read_collected

SCHEME = "https://"
MOST_BYTES = 200 * 2**20
"""Of a file that is taken from a server."""
SECONDS = 60
"""Without a word from the server, before it is given up."""


def read_source(source: str) -> Collected:
    """Return the runs of a folder or of an https address that holds `runs.csv` and the curves.

    Raises:
        UserError: they are not there, cannot be read, or were changed since they were collected.
    """
    with _as_folder(source) as folder:
        if not (folder / RUNS_FILE).is_file():
            raise UserError(f"{source}: no {RUNS_FILE} is there, as `pgf collect` writes it")
        try:
            return read_collected(folder)
        except UserError as error:  # a folder that was made for the download is gone by now
            raise UserError(str(error).replace(str(folder), source.rstrip("/"))) from error


@contextmanager
def _as_folder(source: str) -> Iterator[Path]:
    if not source.startswith(SCHEME):
        if "://" in source:
            raise UserError(f"{source}: an address must begin with {SCHEME}")
        yield Path(source)
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in (RUNS_FILE, CURVES_FILE):
            (folder / name).write_bytes(_fetched(f"{source.rstrip('/')}/{name}"))
        # Without them nothing says that the files are whole: that is an error too.
        (folder / CHECKSUMS).write_bytes(_fetched(f"{source.rstrip('/')}/{CHECKSUMS}"))
        yield folder


def _fetched(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            if not answer.geturl().startswith(SCHEME):
                raise UserError(f"{address} leads to {answer.geturl()}, which is not {SCHEME}")
            data: bytes = answer.read(MOST_BYTES + 1)
    except (OSError, ValueError, HTTPException) as error:  # urllib's own errors are among these
        raise UserError(f"{address} cannot be had ({error})") from error
    if len(data) > MOST_BYTES:
        raise UserError(f"{address} is larger than {MOST_BYTES >> 20} MiB")
    return data
