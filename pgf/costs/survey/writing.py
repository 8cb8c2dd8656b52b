"""The survey: many models looked at, a table and a page of them."""

import csv
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pgf.costs.survey.libraries import Name, look_at
from pgf.costs.survey.page import page
from pgf.costs.survey.rows import SurveyedModel
from pgf.recipes import ROLES

SURVEY_FOLDER = "models"
SECONDS_BETWEEN_LINES = 10.0


def survey_models(names: Sequence[Name]) -> list[SurveyedModel]:
    """Look at models one after the other, with a line about the progress now and then."""
    rows = []
    last = time.monotonic()
    for name in names:
        rows.append(look_at(name))
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            with suppress(BrokenPipeError):
                print(f"[{len(rows)}/{len(names)}] {name[1]}", file=sys.stderr, flush=True)
    return rows


def write_survey(rows: Sequence[SurveyedModel], folder: Path) -> None:
    """Write models.csv and models.md."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "models.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            [
                "library",
                "family",
                "model",
                "parameters",
                "status",
                *ROLES,
                "widths",
                "refused",
                "unnamed",
            ]
        )
        for row in rows:
            counts = [row.layers.get(role, 0) for role in ROLES]
            widths = "; ".join(f"{r} {' '.join(map(str, w))}" for r, w in row.widths.items())
            start = [row.library, row.family, row.model, row.parameters, row.status]
            table.writerow([*start, *counts, widths, row.reason, "; ".join(row.unnamed)])
    (folder / "models.md").write_text(page(rows), encoding="utf-8")
