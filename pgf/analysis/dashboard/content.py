"""The content of a page, ready to print: every part of it that the template knows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgf.analysis.dashboard.board import HEADER, ORIGIN, Board, boards_of, first_board
from pgf.analysis.dashboard.claims import ShownClaim, shown_claims
from pgf.analysis.dashboard.curves import cells_of
from pgf.analysis.dashboard.legend import LegendEntry, legend_of
from pgf.analysis.dashboard.provenance import provenance_of
from pgf.analysis.dashboard.scopes import filters_of
from pgf.analysis.origins import OURS
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.model import Section
from pgf.analysis.tables.write import one_table

TABLES = {
    "accuracy": "The paper's tables, and these runs",
    "grading": "Admission and power",
    "lengths": "Lengths of training",
    "cost": "Costs",
    "differences": "Differences to the baselines",
    "gradient_noise": "Gradient statistics by thirds of training",
}
"""Tables that a page shows whole -> their headings there."""
FOLDED = ("accuracy", "cost", "differences", "gradient_noise")


@dataclass(frozen=True)
class ShownTable:
    """A table as a part of the page."""

    name: str
    title: str
    sections: tuple[Section, ...]
    folded: bool


@dataclass(frozen=True)
class ExperimentLink:
    """An experiment that a page over several links to."""

    name: str
    href: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the template prints."""

    title: str
    about: str
    source: str
    leaderboard_caption: str
    boards: tuple[Board, ...]
    first_board: int
    choices: tuple[tuple[str, str, dict[str, str]], ...]
    """(name, label, value -> text) of each filter."""
    charts: bool
    curve_cells: tuple[str, ...]
    legend: tuple[LegendEntry, ...]
    claims: tuple[ShownClaim, ...]
    tables: tuple[ShownTable, ...]
    provenance: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    """By which the runs are made again."""
    made_by: str
    """Command that made the page."""
    experiments: tuple[ExperimentLink, ...] = ()
    report: str = ""
    """Link to the workflow's report; empty where there is none."""
    accounts: tuple[str, ...] = ()
    """A sentence on each other checkout whose runs are shown."""
    shows_origins: bool = False
    """True if the leaderboard has rows of several checkouts."""

    @property
    def leaderboard_header(self) -> tuple[str, ...]:
        """The leaderboard's headings."""
        return (*HEADER, ORIGIN) if self.shows_origins else HEADER

    @property
    def contents(self) -> list[tuple[str, str]]:
        """(id, name) of every part, in order."""
        found = [("leaderboard", "Leaderboard")]
        found += [("experiments", "Experiments")] if self.experiments else []
        found += [("curves", "Curves")] if self.charts else []
        found += [("claims", "Claims")] if self.claims else []
        found += [(table.name, table.title) for table in self.tables]
        return [*found, ("provenance", "Provenance")]


def page_of(
    context: Context,
    *,
    title: str,
    commands: Sequence[str],
    made_by: str,
    report: str = "",
    experiments: Sequence[ExperimentLink] = (),
    origins: Mapping[str, Context] | None = None,
    accounts: Sequence[str] = (),
) -> Page:
    """Return the content of a page.

    Args:
        context: the runs.
        title: name of the experiment, or words for several.
        commands: by which the runs are made again.
        made_by: the command that makes the page.
        report: link to the workflow's report.
        experiments: the single experiments, on whose pages curves and most tables stand; empty for
            the page of one.
        origins: other checkouts whose runs stand apart, by name.
        accounts: a sentence on each other checkout.
    """
    contexts = {OURS: context, **(origins or {})}
    boards = tuple(boards_of(contexts))
    runs = context.runs
    tasks, recipes = (runs[column].nunique() for column in ("task", "recipe"))
    cells = tuple(f"{task}, {target_label(target)}" for task, target in cells_of(contexts))
    return Page(
        title=title,
        about=" ".join(context.analysis.about.split()),
        source=f"{len(runs)} runs: {tasks} tasks, {recipes} recipes",
        leaderboard_caption=one_table("leaderboard", context).sections[0].caption,
        boards=boards,
        first_board=first_board(boards),
        choices=_choices(list(contexts.values())),
        accounts=tuple(accounts),
        shows_origins=bool(origins),
        charts=bool(cells) and not experiments,
        curve_cells=cells,
        legend=legend_of(contexts),
        claims=tuple(shown_claims(context)),
        tables=_tables(context, ["grading"] if experiments else TABLES),
        provenance=tuple(provenance_of(context)),
        commands=tuple(commands),
        made_by=made_by,
        experiments=tuple(experiments),
        report=report,
    )


def _choices(contexts: Sequence[Context]) -> tuple[tuple[str, str, dict[str, str]], ...]:
    found = [filters_of(context) for context in contexts]
    parts = (("family", "Task"), ("steps", "Length"), ("target", "Target"))
    merged = (
        {value: text for filters in found for value, text in getattr(filters, name).items()}
        for name in ("families", "lengths", "targets")
    )
    return tuple((*part, options) for part, options in zip(parts, merged, strict=True))


def _tables(context: Context, names: Iterable[str]) -> tuple[ShownTable, ...]:
    made = {name: one_table(name, context) for name in names}
    return tuple(
        ShownTable(name, TABLES[name], table.sections, name in FOLDED)
        for name, table in made.items()
        if any(section.blocks for section in table.sections)
    )
