"""Results blocks of documents, taken from the tables rather than typed."""

import re
from pathlib import Path

from pgf.analysis.results import context_of
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.terminal import terminal_view
from pgf.errors import UserError
from pgf.experiments import Experiment

README = Path("README.md")


def results_block(experiment: Experiment, results: Path) -> str:
    """Return the text between the README's markers for an experiment."""
    context = context_of(experiment, results)
    return f"```text\n{terminal_view(context).rstrip()}\n```\n({source_text(context)})\n"


def source_text(context: Context) -> str:
    """Return what a document's numbers are from: `312 runs, 9 and 3 seeds, commit 5409b74`."""
    runs = context.runs
    commits = ", ".join(sorted({str(commit)[:7] for commit in runs["commit"]}))
    counts = dict.fromkeys(context.task_runs(task)["seed"].nunique() for task in context.tasks)
    seeds = " and ".join(map(str, counts))
    changed = " with changes" if runs["dirty"].astype(bool).any() else ""
    return f"{len(runs)} runs, {seeds} seeds, commit {commits}{changed}"


def documents(experiment: str, results: Path) -> list[Path]:
    """Return the documents that show an experiment's results: the README, or its own page.

    Raises:
        UserError: there is none.
    """
    marker = f"<!-- results:{experiment} -->"
    candidates = [README, results / experiment / "README.md"]
    found = [p for p in candidates if p.exists() and marker in p.read_text(encoding="utf-8")]
    if not found:
        names = " nor ".join(map(str, candidates))
        raise UserError(f"neither {names} has a block {marker} ... <!-- end -->")
    return found


def with_block(text: str, experiment: str, block: str) -> str:
    """Return a document's text with the block of an experiment replaced.

    Raises:
        UserError: it has no such block.
    """
    markers = rf"(<!-- results:{re.escape(experiment)} -->\n).*?(<!-- end -->)"
    if not re.search(markers, text, re.S):
        raise UserError(f"no block <!-- results:{experiment} --> ... <!-- end -->")
    return re.sub(markers, lambda found: found[1] + block + found[2], text, flags=re.S)
