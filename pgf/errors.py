"""The one exception that means "your input", and its hints."""

import difflib
import errno
from collections.abc import Iterable

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk without space, or of a quota that is used up."""


class UserError(ValueError):
    """Bad input: one sentence that says what, where, and what would be right.

    The command line prints it without a traceback and exits with code 2. Anything else that
    escapes is a fault of this package.
    """


class BusyError(UserError):
    """Another process is working on the same files."""


MOST_OFFERED = 4
"""Names that a hint offers, less one."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name: known ones that begin with it, the nearest, or all."""
    names = sorted(known)
    longer = [own for own in names if name and own.lower().startswith(name.lower())]
    if 0 < len(longer) < MOST_OFFERED:
        return f"did you mean {' or '.join(map(repr, longer))}?"
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names)}" if names else "there are none"
