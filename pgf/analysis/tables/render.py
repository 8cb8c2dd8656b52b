"""Tables as Markdown, LaTeX (booktabs) and plain text."""

# tabulate pads Markdown as well, but neither it nor pandas' Styler has captions, notes and several
# blocks, and the LaTeX of both leaves < > and ≤ as they are, which pdflatex misprints or refuses:
# either would replace the padding below, a dozen lines, and nothing else.

from pgf.analysis.tables.model import Block, Cell, Section, Table

LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "±": r"\ensuremath{\pm}",
    "†": r"\ensuremath{^\dagger}",
    "≤": r"\ensuremath{\leq}",
}


def to_markdown(table: Table) -> str:
    """Return the table as GitHub shows it; columns are padded so that the source reads as well."""
    parts = [f"# {table.title}"]
    for section in table.sections:
        parts += [f"## {section.heading}", section.caption]
        for block in section.blocks:
            parts += [f"**{block.title}**"] if block.title else []
            parts += [block.lead] if block.lead else []
            parts.append(markdown_block(block))
        if section.notes:
            parts.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(parts) + "\n"


def to_latex(table: Table) -> str:
    """Return the table as LaTeX: one `table` environment a block; needs booktabs."""
    head = f"% {table.title}. Needs \\usepackage{{booktabs}}.\n"
    return head + "\n".join(_latex_section(table, section) for section in table.sections)


def to_text(block: Block) -> str:
    """Return a block as plain text for a terminal."""
    cells = [list(block.header), *([cell.text for cell in row] for row in block.rows)]
    lines = ["  ".join(line).rstrip() for line in _padded(cells, block)]
    rule = "-" * max(len(line) for line in lines)
    title = [block.title] if block.title else []
    return "\n".join([*title, lines[0], rule, *lines[1:]])


def _padded(cells: list[list[str]], block: Block) -> list[list[str]]:
    widths = [max(3, *(len(text) for text in column)) for column in zip(*cells, strict=True)]

    def pad(text: str, i: int) -> str:
        return text.ljust(widths[i]) if i in block.text_columns else text.rjust(widths[i])

    return [[pad(text, i) for i, text in enumerate(line)] for line in cells]


def _markdown_cell(cell: Cell) -> str:
    text = cell.text.replace("|", r"\|").replace("*", r"\*")
    if not text:
        return text
    text = f"*{text}*" if cell.italic else text
    return f"**{text}**" if cell.bold else text


def markdown_block(block: Block) -> str:
    """Return the rows of a block as one Markdown table, without its title."""
    header = [_markdown_cell(Cell(text)) for text in block.header]
    cells = [header, *([_markdown_cell(cell) for cell in row] for row in block.rows)]
    head, *body = _padded(cells, block)
    rule = [
        ":" + "-" * (len(text) - 1) if i in block.text_columns else "-" * (len(text) - 1) + ":"
        for i, text in enumerate(head)
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *body])


def escape_latex(text: str) -> str:
    """Return text as LaTeX prints it."""
    return "".join(LATEX.get(sign, sign) for sign in text)


def _latex_cell(cell: Cell) -> str:
    text = escape_latex(cell.text)
    text = rf"\emph{{{text}}}" if cell.italic and text else text
    return rf"\textbf{{{text}}}" if cell.bold and text else text


def _latex_section(table: Table, section: Section) -> str:
    last = len(section.blocks) - 1
    parts = []
    for i, block in enumerate(section.blocks):
        caption = section.caption if i == 0 else "As above."
        parts += [
            r"\begin{table}",
            r"\centering\footnotesize",
            rf"\caption{{{escape_latex(_latex_caption(table, section, block, caption))}}}",
            rf"\label{{tab:{table.name}:{section.heading}:{i + 1}}}",
            *_latex_block(block),
            *(_latex_note(note) for note in section.notes if i == last),
            r"\end{table}",
            "",
        ]
    return "\n".join(parts)


def _latex_caption(table: Table, section: Section, block: Block, caption: str) -> str:
    names = [table.title, section.heading, *([block.title] if block.title else [])]
    return " ".join([f"{'; '.join(names)}.", *([block.lead] if block.lead else []), caption])


def _latex_note(note: str) -> str:
    return rf"\par\smallskip\parbox{{\linewidth}}{{{escape_latex(note)}}}"


def _latex_block(block: Block) -> list[str]:
    columns = "".join("l" if i in block.text_columns else "r" for i in range(len(block.header)))
    return [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(escape_latex(text) for text in block.header) + r" \\",
        r"\midrule",
        *(" & ".join(map(_latex_cell, row)) + r" \\" for row in block.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
