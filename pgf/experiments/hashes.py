"""Hashes of settings and of this package's code: where one has changed, what it made is old."""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
SOURCES = (".py", ".cpp", ".h")


def hash_of(values: Any) -> str:
    """Return a hash of values that JSON can hold."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


@cache
def files_hash(modules: tuple[str, ...], suffixes: tuple[str, ...] = SOURCES) -> str:
    """Return a hash of modules and subpackages of this package: of files with these suffixes.

    Of Python files only the code counts: who mends a comment keeps his results.
    """
    digest = hashlib.sha256()
    for name in modules:
        path = PACKAGE / name
        for file in (
            sorted(p for p in path.rglob("*") if p.suffix in suffixes) if path.is_dir() else [path]
        ):
            content = file.read_bytes()
            digest.update(code_of(content) if file.suffix == ".py" else content)
    return digest.hexdigest()[:16]


def code_of(source: bytes) -> bytes:
    """Return a module without docstrings, blank lines and lines that hold a comment alone.

    Lines stay as they are, so that the result is the same under every version of Python. What
    does not parse is returned whole.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    lines = source.splitlines()
    documentation, text = set[int](), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and _is_alone(node, lines):
            documentation.update(_lines_of(node))
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            text.update(list(_lines_of(node))[1:])
    kept = (
        line
        for number, line in enumerate(lines, start=1)
        if number not in documentation
        and (number in text or (not line.strip().startswith(b"#") and line.strip()))
    )
    return b"\n".join(kept)


def _is_alone(node: ast.Expr, lines: list[bytes]) -> bool:
    """Return whether a statement is a string that shares its lines with nothing."""
    if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
        return False
    before = lines[node.lineno - 1][: node.col_offset]
    after = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]
    return not before.strip() and not after.strip()


def _lines_of(node: ast.expr | ast.stmt) -> Iterator[int]:
    yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
