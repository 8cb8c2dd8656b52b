"""Claims of the paper as a page shows them: each with its verdicts, and the numbers behind them."""

from collections import Counter
from dataclasses import dataclass

from pgf.analysis.tables.context import Context
from pgf.analysis.tables.kinds.claims import finding_rows, findings_of
from pgf.analysis.tables.model import Block, row
from pgf.analysis.tables.verdicts import VERDICTS, Finding
from pgf.analysis.tables.wording import gain_decimals


@dataclass(frozen=True)
class ShownClaim:
    """A claim with its verdicts over all tasks and pairs of recipes."""

    id: str
    text: str
    source: str
    verdicts: tuple[tuple[str, int], ...]
    """(verdict, how often), in the order of `VERDICTS`."""
    block: Block


def shown_claims(context: Context) -> list[ShownClaim]:
    """Return the claims that the experiment's tasks speak of, in the order of the paper's."""
    findings = findings_of(context)
    return [
        _shown(context, [f for f in findings if f.question.claim is claim])
        for claim in context.claims
        if any(f.question.claim is claim for f in findings)
    ]


def _shown(context: Context, findings: list[Finding]) -> ShownClaim:
    claim = findings[0].question.claim
    decimals = gain_decimals([c.interval for f in findings for c in f.comparisons])
    rows = []
    for finding in findings:
        for line in finding_rows(context, finding, decimals):
            rows.append((*row(finding.question.task), *line))
    unit = "ratio" if claim.statistic else "gain"
    header = ("task", "recipe", "control", "verdict", "target", unit, "n", "p", "exact p")
    counts = Counter(finding.verdict for finding in findings)
    return ShownClaim(
        id=claim.id,
        text=claim.text,
        source=claim.source,
        verdicts=tuple((verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict]),
        block=Block(header, tuple(rows), text_columns=(0, 1, 2, 3, 4)),
    )
