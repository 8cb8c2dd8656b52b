"""Writes the dashboard of an experiment, or one over several, as one file."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pgf.analysis.dashboard import DASHBOARD
from pgf.analysis.dashboard.chart import chart_specs, library, papers_looks
from pgf.analysis.dashboard.content import ExperimentLink, Page, page_of
from pgf.analysis.dashboard.curves import curves_of, papers_labels, statistics_of
from pgf.analysis.dashboard.provenance import commands_for
from pgf.analysis.merging import merge_contexts
from pgf.analysis.origins import OURS
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.html import templates
from pgf.records import write_atomically


def write_dashboard(
    context: Context,
    folder: Path,
    *,
    made_by: str = "",
    report: str = "",
    origins: Mapping[str, Context] | None = None,
    accounts: Sequence[str] = (),
) -> Path:
    """Write the dashboard of an experiment into its folder, and return the file.

    Args:
        context: the runs.
        folder: of the experiment.
        made_by: the command that makes the page.
        report: the workflow's report in that folder, to link to; empty for none.
        origins: other checkouts whose runs stand apart, by name.
        accounts: a sentence on each other checkout.
    """
    name = folder.name
    page = page_of(
        context,
        title=name,
        commands=commands_for(context, name),
        made_by=made_by or f"python -m pgf dashboard {name}",
        report=report,
        origins=origins,
        accounts=accounts,
    )
    return _write(page, {OURS: context, **(origins or {})}, folder / DASHBOARD)


def write_overview(contexts: Mapping[str, Context], folder: Path, *, made_by: str) -> Path:
    """Write the dashboard over several experiments into the folder of all results.

    Args:
        contexts: experiment -> its context; its page is linked.
        folder: that holds the experiments' folders.
        made_by: the command that makes the page.

    Raises:
        UserError: two experiments are judged by different rules.
    """
    context = merge_contexts(contexts)
    links = [
        ExperimentLink(name, _link(folder, name), " ".join(one.analysis.about.split()))
        for name, one in contexts.items()
    ]
    page = page_of(
        context,
        title="All experiments",
        commands=[f"make EXPERIMENT={name} reproduce" for name in contexts],
        made_by=made_by,
        experiments=links,
    )
    return _write(page, {OURS: context}, folder / DASHBOARD)


def _link(folder: Path, name: str) -> str:
    """Return the address of an experiment's page; empty where it has none yet."""
    return f"{name}/{DASHBOARD}" if (folder / name / DASHBOARD).exists() else ""


def _write(page: Page, contexts: Mapping[str, Context], path: Path) -> Path:
    own = files("pgf.analysis") / "templates"
    scripts = {"css": "dashboard.css", "js": "dashboard.js", "curves_js": "curves.js"}
    html = (
        templates()
        .get_template("dashboard.html.j2")
        .render(
            page=page,
            # The project's own files, and JSON that cannot end its element.
            data=Markup(as_json(_data(page, contexts))),
            library=Markup(library()) if page.charts else "",
            **{key: Markup((own / name).read_text("utf-8")) for key, name in scripts.items()},
        )
    )
    write_atomically(path, html + "\n")
    return path


def _data(page: Page, contexts: Mapping[str, Context]) -> dict[str, Any]:
    """Return what the page's scripts read."""
    boards = enumerate(page.boards)
    data: dict[str, Any] = {
        "boards": {key: i for i, board in boards for key in board.keys},
        "remarks": [board.remark for board in page.boards],
        "first": page.boards[page.first_board].keys[0].split("|") if page.boards else [""] * 3,
    }
    if page.charts:
        own_looks = {entry.recipe: entry.look for entry in page.legend}
        data |= {
            "labels": {entry.recipe: entry.label for entry in page.legend} | papers_labels(),
            "statistics": statistics_of(contexts.values()),
            "curves": curves_of(contexts),
            "specs": chart_specs(own_looks | papers_looks()),
        }
    return data


def as_json(values: Any) -> str:
    """Return JSON that can stand in a script element: nothing in it can end one."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("&", "\\u0026")
