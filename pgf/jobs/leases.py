"""The lease on a run: a file in its folder says who trains it, to all machines on the disk.

A file lock tells the processes of one machine apart, and its kernel lets go of it when they die;
but not every shared disk passes locks on. So the holder also leaves its name in a file, which it
renews at every sign of life. A lease that nobody renewed for longer than its holder lets itself
hang is nobody's, and so is one whose SLURM job is over.
"""

import json
import logging
import math
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

from filelock import FileLock, Timeout
from pydantic import Field, TypeAdapter

from pgf.errors import BusyError
from pgf.jobs.slurm import queue as slurm
from pgf.training import HANG_SECONDS

log = logging.getLogger(__name__)
LOCK = ".lock"
LEASE = ".lease"
RENEW_SECONDS = 30.0
GRACE = 1.2
"""Seconds that a lease is valid for without being renewed, over those that its holder may hang."""
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Holder:
    """The holder of a lease: process, host and job."""

    host: str
    process: Annotated[int, Field(ge=0, lt=2**31)]
    slurm_job: str | None
    token: str
    valid_seconds: float
    """For so long after it was last renewed."""

    @classmethod
    def me(cls, *, hang_seconds: float = HANG_SECONDS) -> "Holder":
        """Return this process."""
        job, token = slurm.job_id(), uuid.uuid4().hex
        return cls(socket.gethostname(), os.getpid(), job, token, GRACE * hang_seconds)

    def __str__(self) -> str:
        job = f" of SLURM job {self.slurm_job}" if self.slurm_job else ""
        return f"process {self.process}{job} on {self.host}"


_HOLDER = TypeAdapter(Holder)
UNKNOWN = Holder("somebody", 0, None, "", math.inf)
"""Whoever holds a lease that a shared disk does not show at the moment."""
DAMAGED = Holder("nobody", 0, None, "", -math.inf)
"""The holder of a lease whose file is damaged, as after a power cut: it is void at once."""


@dataclass
class Lease:
    """A lease on a folder."""

    folder: Path
    holder: Holder = field(default_factory=Holder.me)
    _renewed: float = field(default=0.0, init=False)

    def taken(self) -> Holder | None:
        """Take the lease; return who holds it already, or None when it is ours."""
        while True:
            found = self.current()
            if found is None:
                if self._write():
                    return None
            elif self.is_void(found):
                self._remove(found)
            else:
                return found

    def _write(self) -> bool:
        """Write the lease as ours; return whether nobody else has written one by now."""
        own = self.folder / f"{LEASE}.{self.holder.token}"
        try:
            own.write_text(json.dumps(asdict(self.holder)), encoding="utf-8")
            os.link(own, self.folder / LEASE)
        except FileExistsError:
            return False
        finally:
            own.unlink(missing_ok=True)  # on a full disk there is an empty one, or none
        return True

    def _remove(self, void: Holder) -> None:
        """Remove a lease that is void, unless another has it by now."""
        path, aside = self.folder / LEASE, self.folder / f"{LEASE}.{self.holder.token}"
        with suppress(FileNotFoundError):
            # Of several that find it void one renames it; and it may be a new one by now.
            path.rename(aside)
            if _read(aside) == void:
                aside.unlink()
            else:
                aside.rename(path)

    def renew(self) -> None:
        """Say that the holder lives; at most every half minute.

        Raises:
            BusyError: the lease has gone to another, who trains the run now.
        """
        if time.monotonic() - self._renewed < RENEW_SECONDS:
            return
        found = self.current()
        if found == UNKNOWN:
            return
        if found != self.holder:
            raise BusyError(
                f"{self.folder} now belongs to {found or 'nobody'}; this process stops training it"
            )
        os.utime(self.folder / LEASE)
        self._renewed = time.monotonic()

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        if self.current() == self.holder:
            (self.folder / LEASE).unlink(missing_ok=True)

    def current(self) -> Holder | None:
        """Return who holds the lease."""
        return _read(self.folder / LEASE)

    def is_void(self, holder: Holder) -> bool:
        """Return whether a lease is nobody's; to be asked by who has the machine's own lock."""
        if holder.host == socket.gethostname():
            return True  # this machine's lock is ours, so whoever left this is dead
        if holder.slurm_job and holder.slurm_job == self.holder.slurm_job:
            return True  # this job, before SLURM started it again on another node
        over = slurm.is_over(holder.slurm_job) if holder.slurm_job else None
        if over is not None:
            return over  # however long it takes to load its data
        # By the disk's clock: machines' own differ.
        probe = self.folder / f"{LEASE}.{self.holder.token}"
        probe.touch()
        try:
            age = probe.stat().st_mtime - (self.folder / LEASE).stat().st_mtime
        except FileNotFoundError:
            return True
        finally:
            probe.unlink()
        return age > holder.valid_seconds


def _read(path: Path) -> Holder | None:
    try:
        return _HOLDER.validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except ValueError:
        return DAMAGED
    except OSError as error:
        log.warning("%s cannot be read (%s); tried again later", path, error)
        return UNKNOWN


@contextmanager
def leased(
    folder: Path,
    title: str,
    *,
    patience: Callable[[], None] | None,
    hang_seconds: float = HANG_SECONDS,
) -> Iterator[Callable[[], None]]:
    """Hold a folder; give what renews the lease.

    Args:
        folder: a run's.
        title: its name, for people.
        patience: called now and then while another holds it; None to refuse at once.
        hang_seconds: after which this process ends itself if it gives no sign of life.

    Raises:
        BusyError: another holds it, and there is no patience.
    """
    lock = FileLock(folder / LOCK)
    lease = Lease(folder, Holder.me(hang_seconds=hang_seconds))
    told = False
    while holder := _try(lock, lease):
        if patience is None:
            raise BusyError(f"{title} is being trained by {holder}, which goes on with it")
        if not told:
            log.warning("%s is being trained by %s; waiting for it", title, holder)
            told = True
        patience()
        time.sleep(LOOK_SECONDS)
    try:
        yield lease.renew
    finally:
        lease.release()
        lock.release()


def _is_file(lock: FileLock) -> bool:
    """Return whether a lock is a file with its holder's name, as on disks without locks.

    There filelock frees a dead process's of this machine, and no kernel those of another.
    """
    with suppress(OSError):
        return Path(lock.lock_file).stat().st_size > 0
    return False


def _try(lock: FileLock, lease: Lease) -> Holder | None:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        holder = lease.current() or replace(UNKNOWN, host="this machine")
        if not (_is_file(lock) and lease.is_void(holder)):
            return holder
        Path(lock.lock_file).unlink(missing_ok=True)
        return _try(lock, lease)
    found = lease.taken()
    if found is not None:
        lock.release()
    return found
