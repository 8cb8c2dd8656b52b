"""The report of the bench: JSON with all digits, and Markdown for readers."""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pgf.analysis import Block, Section, Table, row, to_markdown
from pgf.costs.bench.model import Measurement, Part
from pgf.records import cpu_name, provenance, write_atomically

BENCH_FOLDER = "bench"
NOT_MEASURED = "not measured"


def machine() -> str:
    """Return a name for this machine's kind: its processor and cores."""
    return f"{cpu_name()}, {os.cpu_count()} cores"


def file_name(name: str | None = None) -> str:
    """Return a machine's name, this one's by default, as the stem of a file's."""
    return re.sub(r"[^a-z0-9]+", "-", (name or machine()).lower()).strip("-")


def write_bench(parts: dict[str, Part], folder: Path, *, device: str = "") -> tuple[Path, Path]:
    """Write the parts beside those of this machine that stand there already; return the files.

    Args:
        parts: by name.
        folder: where to write.
        device: the GPU's name, where it is that which was measured.
    """
    name = device or machine()
    stem = folder / file_name(name)
    path = stem.with_name(stem.name + ".json")
    known = json.loads(path.read_text(encoding="utf-8"))["parts"] if path.exists() else {}
    on = "cuda" if device and torch.cuda.is_available() else "cpu"
    where = {**provenance(on), "node": None, "cpu": machine(), "slurm_job": None}
    made = {name: {**asdict(part), "where": where} for name, part in parts.items()}
    every = dict(sorted({**known, **made}.items()))
    write_atomically(path, json.dumps({"machine": name, "parts": every}, indent=1) + "\n")
    markdown = stem.with_name(stem.name + ".md")
    write_atomically(markdown, to_markdown(as_table(every, name)))
    return path, markdown


def as_table(parts: dict[str, dict[str, Any]], name: str) -> Table:
    """Return all parts as one table."""
    return Table(
        name=BENCH_FOLDER,
        title=f"What it costs on {name}",
        data=pd.DataFrame(
            [{"part": name, **line} for name, part in parts.items() for line in part["lines"]]
        ),
        sections=tuple(_section(part) for part in parts.values()),
    )


def _section(part: dict[str, Any]) -> Section:
    lines = [Measurement(**line) for line in part["lines"]]
    header = ("", "usual way", "floor", "ours", part["ratio_of"], "spread", "target", "reached")
    where = part["where"]
    changed = " with changes" if where["dirty"] else ""
    source = f"torch {where['torch']}, commit {where['commit'][:7]}{changed}."
    return Section(
        heading=part["title"],
        blocks=(
            Block(header, tuple(row(*_texts(line)) for line in lines)),
            *(_grid(grid) for grid in part.get("grids", ())),
        ),
        caption=source,
        notes=tuple(part["notes"]),
    )


def _grid(grid: dict[str, Any]) -> Block:
    rows = tuple(row(*texts) for texts in grid["rows"])
    return Block(tuple(grid["header"]), rows, title=grid["title"])


def _texts(line: Measurement) -> list[str]:
    values = [line.usual, line.floor, line.ours]
    measured = [
        "" if value is None else f"{_digits(value)} {line.unit}".rstrip() for value in values
    ]
    if line.ours is None:
        measured[-1] = NOT_MEASURED
    ratio = "" if line.ratio is None else f"{line.ratio:.3f}"
    spread = "" if line.spread is None else f"{line.spread:.3f}"
    target = "" if line.target is None else f"{line.bound} {line.target:g}"
    reached = {None: "", True: "yes", False: "no"}[line.reached]
    return [line.what, *measured, ratio, spread, target, reached]


def _digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
