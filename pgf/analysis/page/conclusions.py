"""Sentences of a results page: every one repeats a table, and none adds to it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pgf.analysis.page.blocks import beaten_by_random
from pgf.analysis.tables.admission import grade_of, recovered
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.kinds.claims import findings_of
from pgf.analysis.tables.lengths import LEFT, gain_of_doubling
from pgf.analysis.tables.ranking import places_of
from pgf.analysis.tables.shares import graded_targets, ranked_recipes
from pgf.analysis.tables.verdicts import NOT_SETTLED, NOT_TESTABLE, VERDICTS
from pgf.analysis.tables.wording import SMALL_SCALE, with_limits


def shown(context: Context) -> list[str]:
    """Return what the runs show: which targets grade, who recovers what, and the verdicts."""
    return [
        *(line for task in context.judged_tasks for line in _of_task(context, task)),
        *_ranks(context),
        *_beaten(context),
        *_verdicts(context),
    ]


def _of_task(context: Context, task: str) -> Iterator[str]:
    targets = context.targets_of(task)
    graded = graded_targets(context, task)
    yield f"`{task}` tells recipes apart at {len(graded)} of {len(targets)} targets."
    for target in graded:
        found = {r: recovered(context, task, target, r) for r in ranked_recipes(context, task)}
        order = sorted((r for r in found if found[r].n), key=lambda r: -found[r].estimate)
        if not order:
            continue
        ends = [order[0], order[-1]] if len(order) > 1 else order
        said = [f"{context.label(r)} {with_limits(found[r], 0)}%" for r in ends]
        gap = grade_of(context, task, target).dense_gap.estimate
        yield (
            f"`{task}` at {target_label(target)}: of the {gap:.3g} that a random mask loses "
            f"against dense the best column recovers {said[0]}"
            + (f", the last {said[-1]}." if len(ends) > 1 else ".")
        )


def _ranks(context: Context) -> Iterator[str]:
    groups: dict[int, list[str]] = {}
    places = places_of(context)
    for place in places:
        groups.setdefault(place.group, []).append(context.label(place.recipe))
    if groups:
        cells = places[0].share.n
        ranked = "; ".join(f"{number}. {', '.join(names)}" for number, names in groups.items())
        yield f"Over the {cells} cells that grade, those of a group not told apart: {ranked}."


def _beaten(context: Context) -> Iterator[str]:
    found = beaten_by_random(context)
    if not found:
        return
    names = Counter(context.label(one.recipe) for one in found)
    said = ", ".join(f"{name} ({count})" for name, count in names.items())
    yield f"A mask drawn at random ends better, in so many cells: {said}."


def _verdicts(context: Context) -> Iterator[str]:
    counts = Counter(finding.verdict for finding in findings_of(context))
    if total := counts.total():
        said = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
        yield f"Of {total} verdicts on the paper's claims: {said}."


def not_shown(context: Context) -> list[str]:
    """Return what the runs do not show: their scale, what is open, and lengths that fall short."""
    return [*_scale(context), *_open(context), *_short(context)]


def _scale(context: Context) -> Iterator[str]:
    tasks = [task for task in context.judged_tasks if not context.has_same_setup(task)]
    if tasks:
        yield f"{_names(tasks)}: {SMALL_SCALE}."
    for task in context.judged_tasks:
        for target in context.targets_of(task):
            if reason := grade_of(context, task, target).reason:
                yield f"`{task}` at {target_label(target)} does not grade: {reason}."


def _open(context: Context) -> Iterator[str]:
    findings = findings_of(context)
    unsettled = dict.fromkeys(f.question.claim.id for f in findings if f.verdict == NOT_SETTLED)
    if unsettled:
        yield f"Not settled, for some columns at least: {', '.join(unsettled)}."
    closed = {f.question.claim.id for f in findings if f.verdict != NOT_TESTABLE}
    absent = dict.fromkeys(f.question.claim.id for f in findings)
    if never := [name for name in absent if name not in closed]:
        yield f"Not testable here: {', '.join(never)}; the table `claims` says why."


def _short(context: Context) -> Iterator[str]:
    for family, tasks in context.families.items():
        if tasks[-1] not in context.tasks:
            continue
        for target in context.targets_of(tasks[-1]):
            gain = gain_of_doubling(context, family, target)
            if gain >= LEFT:
                yield (
                    f"`{tasks[-1]}` at {target_label(target)} is too short by the protocol: twice "
                    f"the length would gain dense {gain:.0f}% of random - dense, {LEFT:g}% being "
                    "the limit."
                )


def _names(tasks: Sequence[str]) -> str:
    return ", ".join(f"`{task}`" for task in tasks)
