"""The one exception that means "your input", and its hints."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input: one sentence that says what, where, and what would be right.

    The command line prints it without a traceback and exits with code 2. Anything else that
    escapes is a fault of this package.
    """


class BusyError(UserError):
    """Another process is working on the same files."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name: the nearest known one, else the whole list."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names)}" if names else "there are none"
