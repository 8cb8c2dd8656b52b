"""Sentences of a results page: every one repeats a table, and none adds to it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pgf.analysis.evidence import LEAST_LENGTHS
from pgf.analysis.page.blocks import beaten_by
from pgf.analysis.page.other_measures import other_sides
from pgf.analysis.page.training import lambdas_at_end
from pgf.analysis.tables.admission import DENSE_GAP, RANDOM, REMOVED, grade_of, recovered
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.kinds.claims import findings_of
from pgf.analysis.tables.kinds.lengths import gain_text
from pgf.analysis.tables.lengths import LEFT, gain_of_doubling, long_enough
from pgf.analysis.tables.losses import measure_of
from pgf.analysis.tables.ranking import graded_cells, places_of
from pgf.analysis.tables.shares import (
    as_long_as_dense,
    graded_targets,
    own_recipes,
    planned_targets,
)
from pgf.analysis.tables.verdicts import (
    NOT_SETTLED,
    NOT_TESTABLE,
    REPRODUCED,
    VERDICTS,
    Finding,
)
from pgf.analysis.tables.wording import SMALL_SCALE, no_longest, run_notes


def shown(context: Context) -> list[str]:
    """Return what the runs show: which targets grade, the shares there, ranks and verdicts."""
    return [
        *(line for task in context.judged_tasks for line in _of_task(context, task)),
        *_shorter(context),
        *_long(context),
        *_ranks(context),
        *_beaten(context),
        *_verdicts(context),
    ]


def _of_task(context: Context, task: str) -> Iterator[str]:
    graded, planned = graded_targets(context, task), planned_targets(context, task)
    yield f"`{task}` can grade recipes at {len(graded)} of {len(planned)} targets."
    for target in graded:
        shares = [
            share.estimate
            for recipe in own_recipes(context, task)
            if as_long_as_dense(context, task, target, recipe)
            for share in [recovered(context, task, target, recipe)]
            if share.n
        ]
        if shares:
            gap = grade_of(context, task, target).dense_gap.estimate
            yield (
                f"`{task}` at {target_label(target)}: a random mask ends {gap:.3g} behind dense "
                f"({measure_of(context, task).name}). The columns recover from {min(shares):.0f}% "
                f"to {max(shares):.0f}% of that."
            )


def _shorter(context: Context) -> Iterator[str]:
    """Yield which shorter lengths grade: nothing is judged there."""
    for task in context.tasks:
        if task not in context.judged_tasks:
            count = len(graded_targets(context, task))
            of = len(planned_targets(context, task))
            yield (
                f"`{task}` can grade recipes at {count} of {of} targets; claims and ranks are of a "
                "longer training."
            )


def _long(context: Context) -> Iterator[str]:
    """Yield where training is as long as the protocol asks for."""
    for family, tasks in context.families.items():
        for target in graded_targets(context, tasks[-1]) if tasks[-1] in context.tasks else ():
            gain = gain_of_doubling(context, family, target)
            if long_enough(gain) == "yes":
                yield (
                    f"`{tasks[-1]}` at {target_label(target)} is long enough by the protocol: a "
                    f"doubled length gains dense {gain_text(gain)} of random - dense."
                )


def _ranks(context: Context) -> Iterator[str]:
    groups: dict[int, list[str]] = {}
    places = places_of(context)
    for place in places:
        groups.setdefault(place.group, []).append(context.label(place.recipe))
    if groups:
        cells = ", ".join(
            f"`{task}` at {target_label(target)}" for task, target in graded_cells(context)
        )
        ranked = "; ".join(f"{number}. {', '.join(names)}" for number, names in groups.items())
        yield (
            f"Columns by mean share over the targets that grade ({cells}); a column joins a group "
            f"if it is not told apart from the group's first: {ranked}."
        )


def _beaten(context: Context) -> Iterator[str]:
    for role, words in ((RANDOM, "a random mask"), (REMOVED, "with the layers removed")):
        names = Counter(context.label(one.recipe) for one in beaten_by(context, role))
        said = ", ".join(f"{name} ({count})" for name, count in names.items())
        if said:
            yield (
                f"These end worse than {words} (paired t-test, Holm over all columns and targets), "
                f"at so many targets: {said}."
            )


def _verdicts(context: Context) -> Iterator[str]:
    counts = Counter(finding.verdict for finding in findings_of(context))
    if total := counts.total():
        said = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
        yield (
            f"Of {total} questions on the paper's claims, each of a claim, a task, a recipe and a "
            f"control: {said}."
        )
    below = {(one.task, one.recipe, one.target) for one in beaten_by(context, RANDOM)}
    reproduced = [one for one in findings_of(context) if one.verdict == REPRODUCED]
    if weak := sum(bool(below & _controls(context, one)) for one in reproduced):
        yield f"Of the reproduced, {weak} have a control that ends worse than a random mask."


def _controls(context: Context, finding: Finding) -> set[tuple[str, str, str]]:
    """Return (task, column, target) of what a finding compares a recipe with."""
    question = finding.question
    control = context.column_of(question.task, question.control) or ""
    other = question.claim.control_target
    return {(question.task, control, other or c.target) for c in finding.comparisons}


def not_shown(context: Context, *, is_tuned: bool) -> list[str]:
    """Return what the runs do not show: gaps, scale, what is open, lengths that fall short."""
    return [
        *map(no_longest, context.absent_longest),
        *(
            f"`{task}`: {note}"
            for task in context.tasks
            for note in run_notes(context, task, judged=True)
        ),
        *_scale(context),
        *other_sides(context),
        *_open(context),
        *_short(context),
        *(_lambdas(context) if is_tuned else ()),
    ]


def _scale(context: Context) -> Iterator[str]:
    tasks = [task for task in context.judged_tasks if not context.has_same_setup(task)]
    if tasks:
        yield f"{_names(tasks)}: {SMALL_SCALE}."
    for task in context.judged_tasks:
        for target in context.targets_of(task):
            grade, where = grade_of(context, task, target), f"`{task}` at {target_label(target)}"
            if grade.reason:
                yield f"{where} does not grade: {grade.reason}."
            elif grade.dense_gap.estimate < DENSE_GAP * grade.columns_spread:
                gap = grade.dense_gap.estimate / grade.columns_spread
                yield (
                    f"{where} grades by the standard deviation of random mask - dense. By that "
                    f"of all columns it would not: random is {gap:.1f} sd above dense, not "
                    f"{DENSE_GAP:g}."
                )


def _open(context: Context) -> Iterator[str]:
    findings = findings_of(context)
    unsettled = dict.fromkeys(f.question.claim.id for f in findings if f.verdict == NOT_SETTLED)
    if unsettled:
        yield f"Not settled, for some columns at least: {', '.join(unsettled)}."
    closed = {f.question.claim.id for f in findings if f.verdict != NOT_TESTABLE}
    asked = dict.fromkeys(f.question.claim.id for f in findings)
    never = [name for name in asked if name not in closed]
    if never and not closed:
        yield "No claim of the paper is testable here; the table `claims` says why."
    elif never:
        yield f"Not testable here: {', '.join(never)}; the table `claims` says why."


def _short(context: Context) -> Iterator[str]:
    """Yield where three lengths are lacking, or the longest gains too much from a doubling."""
    in_families = {task for tasks in context.families.values() for task in tasks}
    alone = [task for task in context.judged_tasks if task not in in_families]
    few = [name for name, tasks in context.families.items() if len(tasks) < LEAST_LENGTHS]
    if alone or few:
        yield (
            f"{_names([*alone, *few])}: trained at fewer than {LEAST_LENGTHS} lengths, and the "
            "order of recipes may change with the length."
        )
    for family, tasks in context.families.items():
        for target in graded_targets(context, tasks[-1]) if tasks[-1] in context.tasks else ():
            gain = gain_of_doubling(context, family, target)
            where, enough = f"`{tasks[-1]}` at {target_label(target)}", long_enough(gain)
            if enough == "-":
                yield f"{where}: what a doubled length would gain dense is not known."
            elif enough != "yes":
                said = "is too short by the protocol" if enough == "no" else "may be too short"
                yield (
                    f"{where} {said}: a doubled length gains dense {gain_text(gain)} of random - "
                    f"dense, and {LEFT:g}% is the limit."
                )


def _lambdas(context: Context) -> Iterator[str]:
    if cells := lambdas_at_end(context):
        yield (
            f"In {cells} cells SR-STE's lambda is the smallest or the largest of three, and "
            "further ones were not tried: SR-STE may be better than shown."
        )


def _names(tasks: Sequence[str]) -> str:
    return ", ".join(f"`{task}`" for task in tasks)
