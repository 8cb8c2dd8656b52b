"""Sentence pairs through `datasets`: the hub, or parquet files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pgf.errors import UserError
from pgf.tasks.data.sources import load_from_hub, load_parquet, local_folder, parquet_files
from pgf.tasks.data.texts import Texts

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

PAIRS = "translation"
"""Column of the hub's translation sets: one text per language."""


def open_texts(
    *, path: str | None, hub: str | None, subset: str | None = None, local_name: str | None
) -> "DatasetDict":
    """Return the splits of a data set of texts.

    Args:
        path: a local folder of parquet files; nothing else is looked at where it is given.
        hub: the data set's id on the hub.
        subset: its configuration there, such as a language pair.
        local_name: name below the folder `PGF_DATA` names, which goes before the hub.

    Raises:
        UserError: it is neither there nor can be had.
    """
    folder = local_folder(path=path, local_name=local_name)
    if folder is not None:
        _check_rows(folder)
        found = load_parquet(folder)
        if found is None:
            raise UserError(f"{folder} holds no parquet files")
        return found
    if hub is None:
        raise UserError("no data: give path, a folder of parquet files, or hub, an id there")
    return load_from_hub(hub, subset=subset, local_name=local_name)


def _check_rows(folder: Path) -> None:
    # An empty file is none that `datasets` can read.
    for split, files in parquet_files(folder).items():
        try:
            rows = sum(pq.read_metadata(file).num_rows for file in files)
        except (OSError, pa.ArrowException):
            return  # for `load_parquet` to say
        if not rows:
            raise UserError(f"{folder} ({split}): a split without a row")


def sentence_pairs(
    data: "Dataset", *, languages: tuple[str, str], where: str
) -> tuple[Texts, Texts]:
    """Return sources and targets of a split, from a column of pairs or from one per language.

    Raises:
        UserError: a language is not there, holds no texts, or the split is empty.
    """
    table: pa.Table = data.with_format("arrow")[:]
    columns = {name: table.column(name) for name in table.column_names}
    if PAIRS in columns and pa.types.is_struct(columns[PAIRS].type):
        kind = columns[PAIRS].type
        names = [kind.field(i).name for i in range(kind.num_fields)]
        columns = {name: pc.struct_field(columns[PAIRS], name) for name in names}
    for language in languages:
        if language not in columns:
            raise UserError(
                f"{where} has no language '{language}'; it has {', '.join(sorted(columns))}"
            )
    if not len(table):
        raise UserError(f"{where} has no rows")
    source, target = (_texts(columns[language], language, where) for language in languages)
    return source, target


def _texts(column: Any, language: str, where: str) -> Texts:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise UserError(f"{where}: '{language}' holds no texts but {column.type}")
    return column
