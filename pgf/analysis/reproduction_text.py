"""Words for a comparison with committed results."""

from collections.abc import Iterator, Mapping

from pgf.analysis.reproduction import Change, Reproduction

NAMED = 5
"""Differing verdicts, and means, that are named before the rest is only counted."""


def reproduction_text(made: Reproduction) -> str:
    """Return what a person reads at the end: the answer first, then what differs and why."""
    return "\n".join(_lines(made))


def _lines(made: Reproduction) -> Iterator[str]:
    answer = "reproduced" if made.succeeded else "NOT reproduced"
    total, differing = len(made.verdicts), made.differing
    verdicts = f"{total - len(differing)} of {total} verdicts equal the committed ones"
    if not total:
        verdicts = "no target grades, so there are no verdicts to compare"
    same = len(made.changes) - len(made.moved)
    yield (
        f"{answer}: {verdicts}; {same} of {len(made.changes)} means agree as far as seeds tell; "
        f"{made.equal_runs} of {made.runs} runs have exactly the committed numbers"
    )
    if made.missing:
        yield f"  {made.missing} of the committed runs are missing here"
    if differing and not made.turned:
        yield "  verdicts at the edge of their tests: none says the opposite of the committed one"
    for question, (theirs, ours) in list({**made.turned, **differing}.items())[:NAMED]:
        yield f"  {question}: committed {theirs or 'no verdict'}, here {ours or 'no verdict'}"
    yield from _more(len(differing))
    for change in made.moved[:NAMED]:
        yield f"  moved: {_said(change)}"
    yield from _more(len(made.moved))
    for task in dict.fromkeys(change.task for change in made.changes):
        largest = max((c for c in made.changes if c.task == task), key=lambda c: abs(c.size))
        if largest.size and largest not in made.moved[:NAMED]:
            yield f"  largest change: {_said(largest)}"
    if made.circumstances and made.equal_runs < made.runs:
        yield f"  what differs: {_listed(made.circumstances)}"


def _said(change: Change) -> str:
    return f"{change.task}, {change.where}: {change.size:+.2g} {change.unit}"


def _more(count: int) -> Iterator[str]:
    if count > NAMED:
        yield f"  and {count - NAMED} more"


def _listed(circumstances: Mapping[str, tuple[str, str]]) -> str:
    return "; ".join(
        "code" if name == "code" else f"{name} {theirs}, here {ours}"
        for name, (theirs, ours) in circumstances.items()
    )
