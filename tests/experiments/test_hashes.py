"""Hashes of code: what counts as a change."""

import io
import tokenize
from pathlib import Path

import pytest
from support import ROOT

from pgf.experiments import hashes
from pgf.experiments.hashes import code_of, files_hash

FILES = sorted(p for p in (ROOT / "pgf").rglob("*.py") if p.stat().st_size)
LAYOUT = (tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT, tokenize.ENCODING)
SOURCE = '''"""Module."""

X = """
# text, not a comment
"""


def f(x):
    """Docstring
    of two lines.
    """
    # a comment
    return x + 1  # beside code
'''


def statements(source: bytes) -> list[list[str]]:
    """Return a module's statements as their tokens, without those that are a string alone."""
    found: list[list[tokenize.TokenInfo]] = [[]]
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type == tokenize.NEWLINE:
            found.append([])
        elif token.type not in LAYOUT:
            found[-1].append(token)
    return [
        [token.string for token in one]
        for one in found
        if one and not all(token.type == tokenize.STRING for token in one)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_all_code_of_the_package_counts_and_nothing_else(path: Path) -> None:
    source = path.read_bytes()
    code = code_of(source)
    assert statements(code) == statements(source)
    assert code_of(b'"""Other words."""\n# and a comment\n\n' + source) == code


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Docstring\n    of two", "More than\n    two\n    of two", True),
        ("# a comment", "# another, # longer one", True),
        ('"""Module."""', "", True),
        ("x + 1", "x + 2", False),
        ("# text", "# other text", False),
        ("\n# text", "\n\n# text", False),
        ("f(x):\n", 'f(x): "beside code"\n', False),
    ],
)
def test_words_change_nothing_and_code_does(old: str, new: str, same: bool) -> None:
    changed = SOURCE.replace(old, new, 1)
    assert changed != SOURCE
    assert (code_of(changed.encode()) == code_of(SOURCE.encode())) == same


def test_what_is_no_python_counts_whole() -> None:
    assert code_of(b"def f(:\n# x\n") == b"def f(:\n# x\n"


def test_kernels_count_with_their_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "PACKAGE", tmp_path)
    found = set()
    for number, text in enumerate(("int x; // a", "int x; // b")):
        room = tmp_path / str(number)
        room.mkdir()
        (room / "kernel.cpp").write_text(text)
        found.add(files_hash((str(number),)))
    assert len(found) == 2
