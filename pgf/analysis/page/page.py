"""The results page of an experiment as Markdown, with links to its tables and figures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pgf.analysis.figures import FIGURES, stem_of, subjects_of
from pgf.analysis.figures.write import captions_of
from pgf.analysis.page.blocks import (
    beaten_block,
    beaten_by,
    testable,
    verdicts,
)
from pgf.analysis.page.conclusions import not_shown, shown
from pgf.analysis.page.training import training_sections, tuned_lambdas
from pgf.analysis.tables.admission import RANDOM, grade_of
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.kinds.grading import admission_block, admission_caption, shares_caption
from pgf.analysis.tables.kinds.lengths import length_blocks, lengths_caption
from pgf.analysis.tables.lengths import lengths_of
from pgf.analysis.tables.losses import LAST_LOSS, measure_of
from pgf.analysis.tables.model import Section, Table
from pgf.analysis.tables.render import to_markdown
from pgf.analysis.tables.shares import shares_block
from pgf.analysis.tables.terminal import metric_blocks
from pgf.records import write_atomically

PAGE = "README.md"
SHOWN = ("second_moment", "leaderboard", "share_by_length")
"""Figures that the page shows, each of all its subjects."""
WIDTH = 200
"""Characters of a table's row at most."""
LINKS = (
    *("accuracy", "differences", "claims", "grading", "lengths", "cost", "measures"),
    "gradient_noise",
)


def write_page(context: Context, folder: Path, *, is_tuned: bool) -> Path:
    """Write the page of an experiment into its folder, and return the file."""
    path = folder / PAGE
    write_atomically(path, results_page(context, name=folder.name, is_tuned=is_tuned))
    return path


def results_page(context: Context, *, name: str, is_tuned: bool) -> str:
    """Return the page of an experiment; its links go from its own folder.

    Args:
        context: the runs.
        name: the experiment's.
        is_tuned: whether every column has a tuned learning rate.
    """
    sections = [
        _head(context, name, is_tuned),
        Section("What these runs show", (), _bullets(shown(context))),
        Section("What they do not show", (), _bullets(not_shown(context, is_tuned=is_tuned))),
        *_beaten(context),
        _admission(context),
        *_shares(context),
        _metrics(context),
        *_lengths(context),
        *_claims(context),
        *training_sections(context, is_tuned=is_tuned),
        *_figures(context),
    ]
    page = to_markdown(Table(name, name, context.runs, tuple(sections)))
    # The head has no heading of its own.
    return page.replace("\n## \n\n", "\n", 1)


def _head(context: Context, name: str, is_tuned: bool) -> Section:
    about = " ".join(context.analysis.about.split())
    lambdas = tuned_lambdas(context)
    tuned = (
        "every column has a learning rate of its own at every target"
        f"{', and ' if lambdas else ''}{lambdas}, chosen on a "
        "validation split with seeds that no table uses"
        if is_tuned
        else "learning rates are not tuned for each column"
    )
    links = ", ".join(f"[{table.replace('_', ' ')}](tables/{table}.md)" for table in LINKS)
    text = (
        f"{_source(context)}; {tuned}. `pgf page {name}` makes this page, with `--committed` the "
        "one in git: every number and verdict on it comes from runs.csv and curves.parquet. "
        "`results/README.md` says what columns, controls and verdicts are. "
        f"Tables: {links}."
    )
    return Section("", (), "\n\n".join(filter(None, (about, text))))


def _source(context: Context) -> str:
    """Return what the page's numbers are from: `312 runs, 9 and 3 seeds, commit 5409b74`."""
    runs = context.runs
    commits = ", ".join(sorted({str(commit)[:7] for commit in runs["commit"]}))
    counts = dict.fromkeys(context.task_runs(task)["seed"].nunique() for task in context.tasks)
    seeds = " and ".join(map(str, counts))
    changed = " with changes" if runs["dirty"].astype(bool).any() else ""
    return f"{len(runs)} runs, {seeds} seeds, commit {commits}{changed}"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "Nothing."


def _beaten(context: Context) -> Iterator[Section]:
    found = beaten_by(context, RANDOM)
    if found:
        caption = (
            "Columns that the paired t-test finds worse than the random mask, corrected by Holm "
            "over all columns and targets, where the interval does not lie within the margin. "
            "Magnitude kept is the share of the weights' absolute sum that the mask keeps; under "
            "a random mask kept weights alone are trained, and grow. Statistics are means over all "
            "of training, its dense part as well, and over seeds; those of the random mask stand "
            "in brackets."
        )
        yield Section("Where a random mask is better", (beaten_block(context, found),), caption)


def _admission(context: Context) -> Section:
    blocks = [
        admission_block([grade_of(context, task, t) for t in context.targets_of(task)], title=task)
        for task in context.tasks
    ]
    return Section("Admission", tuple(blocks), admission_caption(context, *context.tasks))


def _shares(context: Context) -> Iterator[Section]:
    found = [shares_block(context, task) for task in context.judged_tasks]
    if blocks := tuple(block for block in found if block is not None):
        yield Section("Recovered share by target", blocks, shares_caption(context))


def _metrics(context: Context) -> Section:
    blocks = [b for task in context.judged_tasks for b in metric_blocks(context, task, width=WIDTH)]
    by_loss = [t for t in context.judged_tasks if measure_of(context, t).column == LAST_LOSS]
    caption = "Runs are compared by the held-out loss, not by these." if by_loss else ""
    return Section("The tasks' own measures", tuple(blocks), caption)


def _lengths(context: Context) -> Iterator[Section]:
    for family in context.families:
        if lengths_of(context, family):
            blocks = tuple(length_blocks(context, family))
            yield Section(f"Lengths of training: {family}", blocks, lengths_caption(context))


def _claims(context: Context) -> Iterator[Section]:
    findings = testable(context)
    for task in context.judged_tasks:
        own = [finding for finding in findings if finding.question.task == task]
        if own:
            caption = (
                f"Gains are those of the {measure_of(context, task).name}, more is better; ratios "
                "are of gradient statistics, recipe to control or late to early, and below 1 as "
                "the paper claims. Within a claim, opposite is corrected by Holm over its "
                "targets; nothing is corrected across claims. [All claims in words]"
                "(tables/claims.md), with those that are not testable here."
            )
            yield Section(f"The paper's claims: {task}", (verdicts(context, own),), caption)


def _figures(context: Context) -> Iterator[Section]:
    tasks, families = context.expected_tasks, context.families
    for name in SHOWN:
        subjects, title = subjects_of(name, tasks, families), FIGURES[name].title
        (section,) = captions_of(context, [name]).sections
        pictures = [
            f"![{title}: {s or 'all tasks'}](figures/{stem_of(name, s)}.png)" for s in subjects
        ]
        text = "\n\n".join((*pictures, section.caption))
        if subjects:
            yield Section(f"Figure: {section.heading}", (), text, section.notes)
