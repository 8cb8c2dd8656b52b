"""Corpora for language models: documents of a hub data set, of local files or of a package."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from pgf.errors import UserError
from pgf.tasks.data.sources import SPLIT, load_from_hub, load_parquet, resolve

Documents = list[str]
HELD_OUT = ("validation", "test")


def read_corpus(
    *,
    path: str | None,
    hub: str | None,
    subset: str | None,
    package: str | None,
    column: str,
    suffixes: Sequence[str],
) -> dict[str, Documents]:
    """Return the documents of a corpus by split; one without splits is all `train`.

    Args:
        path: a text file, a folder of text files (a document each), or one of parquet files.
        hub: a data set's id on the hub, where there is no path.
        subset: its configuration there.
        package: name of an installed package whose source files are the documents.
        column: the column of texts in parquet files and on the hub.
        suffixes: ends of the names of text files in a folder or package.

    Raises:
        UserError: it is not there, holds no text, or a file is no UTF-8.
    """
    given = {"path": path, "hub": hub, "package": package}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise UserError(f"a corpus is path, hub or package, one of them: {', '.join(named) or '-'}")
    if package is not None:
        return {"train": _of_package(package, suffixes)}
    if hub is not None:
        return _of_columns(load_from_hub(hub, subset=subset), column, where=hub)
    assert path is not None
    file = Path(path).expanduser()
    if file.is_file():
        return {"train": [read_text(file)]}
    folder = resolve(path)
    tables = load_parquet(folder)
    if tables is not None:
        return _of_columns(tables, column, where=str(folder))
    return _of_folder(folder, suffixes)


def read_text(path: Path) -> str:
    """Return a text file.

    Raises:
        UserError: it is no UTF-8; the line and the byte are named.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        value = f"0x{content[error.start]:02x}"
        raise UserError(
            f"{path} is no UTF-8: byte {error.start}, in line {line}, is {value}"
        ) from error


def _of_package(name: str, suffixes: Sequence[str]) -> Documents:
    try:
        listed = files(name)
    except PackageNotFoundError as error:
        raise UserError(f"the package {name} is not installed: pip install {name}") from error
    # Its commands lie outside of it.
    own = [f for f in sorted(listed or (), key=str) if f.suffix in suffixes and ".." not in f.parts]
    paths = [Path(str(f.locate())) for f in own]
    documents = [read_text(path) for path in paths if path.is_file()]
    return _with_text(documents, where=f"the package {name}", suffixes=suffixes)


def _of_folder(folder: Path, suffixes: Sequence[str]) -> dict[str, Documents]:
    parts: dict[str, Documents] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in suffixes and p.is_file()):
        split = SPLIT.match(path.name)
        parts.setdefault(split[1] if split else "train", []).append(read_text(path))
    _with_text([t for own in parts.values() for t in own], where=str(folder), suffixes=suffixes)
    return parts


def _with_text(documents: Documents, *, where: str, suffixes: Sequence[str]) -> Documents:
    if not any(documents):
        raise UserError(f"{where} holds no text in files that end in {', '.join(suffixes)}")
    return documents


def _of_columns(tables: Any, column: str, *, where: str) -> dict[str, Documents]:
    found: dict[str, Documents] = {}
    for split, table in tables.items():
        if column not in table.column_names:
            raise UserError(
                f"{where} ({split}) has no column '{column}'; it has "
                f"{', '.join(sorted(table.column_names))}"
            )
        texts = table[column][:]
        if not all(isinstance(text, str) for text in texts):
            raise UserError(f"{where} ({split}): the column '{column}' holds no texts")
        found[split] = list(texts)
    return found


def with_held_out(splits: Mapping[str, Documents], *, share: float) -> dict[str, Documents]:
    """Return a corpus that has `train`, `validation` and `test`, the last two cut off if need be.

    Of many documents those of the smallest hashes are held out, so that the same ones are whatever
    the others; of one document its end. A share of the characters, at least a document.

    Raises:
        UserError: there is no `train`.
    """
    if "train" not in splits:
        raise UserError(f"the corpus has no split 'train'; it has {', '.join(sorted(splits))}")
    found = dict(splits)
    for name in HELD_OUT[::-1]:
        if name not in found:
            found["train"], found[name] = _cut(found["train"], share)
    return found


def _cut(documents: Documents, share: float) -> tuple[Documents, Documents]:
    wanted = share * sum(map(len, documents))
    if len(documents) == 1:
        end = len(documents[0]) - max(1, round(wanted))
        return [documents[0][:end]], [documents[0][end:]]
    order = sorted(range(len(documents)), key=lambda i: _hash(documents[i]))
    taken: set[int] = set()
    size = 0
    for i in order[:-1]:
        if taken and size >= wanted:
            break
        taken.add(i)
        size += len(documents[i])
    rest = [text for i, text in enumerate(documents) if i not in taken]
    return rest, [text for i, text in enumerate(documents) if i in taken]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
