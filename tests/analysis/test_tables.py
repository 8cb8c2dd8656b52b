"""Tables: laws over the registry, and their pieces."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.synthetic import PAPER, SIX, context, grid, runs_frame, small, without_costs

from pgf.analysis.statistics import Interval
from pgf.analysis.tables import TABLES, table_files, table_names
from pgf.analysis.tables.context import target_label
from pgf.analysis.tables.model import Block, Cell, Section, Table, panels, row
from pgf.analysis.tables.published import load_published
from pgf.analysis.tables.render import escape_latex, to_latex, to_markdown
from pgf.analysis.tables.wording import SMALL_SCALE, decimals_for, scientific
from pgf.analysis.tables.write import write_tables
from pgf.errors import UserError
from pgf.experiments.settings import PublishedSettings

every_table = pytest.mark.parametrize("name", table_names())


@pytest.fixture(scope="module")
def whole():
    return context()


def test_every_module_of_kinds_is_the_table_of_its_name():
    assert [TABLES[name].__name__ for name in table_names()] == list(table_names())


def test_files_are_named_before_any_data_is_read(whole, tmp_path):
    written = write_tables(whole, tmp_path)
    assert tuple(path.name for path in written) == table_files()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(table_files())


@every_table
def test_the_same_runs_give_the_same_bytes(whole, tmp_path, name):
    first = write_tables(whole, tmp_path / "a", names=[name])
    second = write_tables(whole, tmp_path / "b", names=[name])
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@every_table
def test_every_row_is_as_wide_as_its_header(whole, name):
    blocks = [block for s in TABLES[name](whole).sections for block in s.blocks]
    assert blocks
    assert all(len(row) == len(block.header) for block in blocks for row in block.rows)


@every_table
def test_every_task_has_a_section_in_every_table(name):
    both = context(pd.concat([grid(task="toy"), grid(task="other")]))
    headings = ", ".join(section.heading for section in TABLES[name](both).sections)
    assert headings == "toy, other"


@every_table
def test_a_task_that_is_not_the_paper_s_says_so(whole, name):
    small_scale = TABLES[name](whole).sections[0].caption
    assert SMALL_SCALE in small_scale
    published = PublishedSettings(
        table="2", model="vit_base", metric="top1_percent", same_setup=True
    )
    same = context(published={"toy": (published,)})
    assert "small-scale" not in TABLES[name](same).sections[0].caption


@every_table
def test_diverged_runs_are_told_of(name):
    runs = grid()
    runs.loc[3, ["status", "final", "best"]] = ["diverged", np.nan, np.nan]
    assert "†" in to_markdown(TABLES[name](context(runs)))
    assert "†" not in to_markdown(TABLES[name](context()))


@every_table
def test_an_incomplete_set_is_told_of(name):
    runs = grid()
    planned = {"toy": tuple(zip(runs["recipe"], runs["target"], runs["seed"], strict=True))}
    made = replace(context(runs.drop(index=[3, 9])), planned=planned)
    part = to_markdown(TABLES[name](made))
    assert f"Incomplete: only {len(runs) - 2} of {len(runs)} runs" in part
    assert f"seed {runs.loc[3, 'seed']}, " in part and f"seed {runs.loc[9, 'seed']}." in part
    assert "Incomplete" not in to_markdown(TABLES[name](context(runs)))


@every_table
def test_a_task_without_a_run_is_told_of(name):
    made = replace(context(), planned={"other": (("dense", "dense", 0),)})
    assert "Incomplete: no run is there of `other`." in to_markdown(TABLES[name](made))


def test_a_recipe_and_a_target_without_a_run_are_holes_in_the_accuracy_table():
    runs = grid()
    planned = {"toy": tuple(zip(runs["recipe"], runs["target"], runs["seed"], strict=True))}
    lost, target = runs["recipe"].iloc[-1], runs["target"].iloc[-1]
    there = runs[(runs["recipe"] != lost) & (runs["target"] != target)]
    whole = replace(context(runs), runs=there, planned=planned)
    block = TABLES["accuracy"](whole).sections[0].blocks[0]
    column = block.header.index(whole.label(lost))
    rows = [row for row in block.rows if not row[0].italic]
    assert {row[column].text for row in rows} == {"-"}
    (row,) = (row for row in rows if row[0].text == target_label(target))
    assert {cell.text for cell in row[1:]} == {"-"}


@every_table
def test_a_mixture_is_told_of(name):
    runs = grid()
    runs.loc[3, "mixed"] = True
    assert f"Mixture: 1 of {len(runs)} runs" in to_markdown(TABLES[name](context(runs)))


@every_table
def test_a_table_of_dense_runs_alone_renders(name, tmp_path):
    dense = context(runs_frame({("dense", "dense"): SIX}), baselines=())
    paths = write_tables(dense, tmp_path, names=[name])
    rows = pd.read_csv(paths[0])
    said = rows.get("verdict", rows.get("target", []))
    assert rows.empty or set(said) <= {"not testable here", "dense"}


@every_table
def test_a_table_of_runs_without_costs_renders(whole, name):
    text = to_markdown(TABLES[name](without_costs(whole)))
    assert "nan" not in text
    assert ("because the runs do not record it" in text) == (name == "cost")


@every_table
def test_one_seed_renders_without_an_interval(name, tmp_path):
    paths = write_tables(context(grid(seeds=1)), tmp_path, names=[name])
    assert "nan" not in paths[1].read_text()


@every_table
def test_latex_has_as_many_cells_in_every_row(whole, tmp_path, name):
    text = write_tables(whole, tmp_path, names=[name])[2].read_text()
    for tabular in text.split(r"\begin{tabular}")[1:]:
        columns = len(tabular[1 : tabular.index("}")])
        rows = [line for line in tabular.split(r"\end{tabular}")[0].split("\n") if "&" in line]
        assert {line.replace(r"\&", "").count("&") for line in rows} == {columns - 1}


def test_csv_holds_raw_floats(tmp_path):
    third = 100 / 3
    made = small({"sr_ste": [third, third], "mdgf_linear": [50.0, 60.0]})
    frame = pd.read_csv(write_tables(made, tmp_path, names=["accuracy"])[0])
    assert frame.loc[frame["recipe"] == "sr_ste", "mean"].iloc[0] == third


def test_an_unknown_table_is_a_user_error(whole, tmp_path):
    with pytest.raises(UserError, match="unknown table 'acuracy': did you mean 'accuracy'"):
        write_tables(whole, tmp_path, names=["acuracy"])


def test_published_numbers_keep_their_printed_form():
    frame = load_published(PAPER / "tables.csv")
    chosen = frame[(frame["table"] == "2") & (frame["printed"] == "74.910")]
    assert list(chosen["value"]) == [74.91]


@pytest.mark.parametrize(
    ("model", "metric"), [("vit_bass", "top1_percent"), ("vit_base", "top5_percent")]
)
def test_published_numbers_that_do_not_exist_are_a_user_error(model, metric):
    wrong = PublishedSettings(table="2", model=model, metric=metric, same_setup=True)
    made = small({"sr_ste": SIX}, published={"toy": (wrong,)})
    with pytest.raises(UserError, match=f"no table 2 with model '{model}' and metric '{metric}'"):
        TABLES["accuracy"](made)


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.23e-5, "4.2e-5"), (0.0996, "0.10"), (12.4, "12"), (-0.001, "-1.0e-3"), (123.0, "1.2e2")],
)
def test_two_significant_digits(value, text):
    assert scientific(value) == text


@pytest.mark.parametrize(("half", "decimals"), [(3.0, 1), (0.4, 1), (0.04, 2), (0.004, 3)])
def test_decimals_show_the_half_width(half, decimals):
    assert decimals_for([Interval(1.0, 1.0 - half, 1.0 + half, 3)]) == decimals


@pytest.mark.parametrize(("n", "sizes"), [(0, []), (5, [5]), (6, [3, 3]), (11, [4, 4, 3])])
def test_panels_are_as_few_and_as_even_as_can_be(n, sizes):
    made = panels([str(i) for i in range(n)], 5)
    assert [len(panel) for panel in made] == sizes
    assert [name for panel in made for name in panel] == [str(i) for i in range(n)]


def test_latex_is_escaped():
    assert escape_latex("a_b & 5% ±") == r"a\_b \& 5\% \ensuremath{\pm}"


def test_emphasis_is_rendered():
    block = Block(("a", "b"), (row(Cell("x", italic=True), Cell("y_z", bold=True)),))
    table = Table("t", "T", pd.DataFrame(), (Section("s", (block,), "c"),))
    assert "| *x* | **y_z** |" in to_markdown(table)
    assert r"\emph{x} & \textbf{y\_z} \\" in to_latex(table)


def test_markdown_columns_line_up_in_the_source(whole):
    lines = to_markdown(TABLES["accuracy"](whole)).splitlines()
    first = [line for line in lines if line.startswith("|")][:4]
    assert len({len(line) for line in first}) == 1


def test_tables_need_no_torch_and_no_plotting():
    import subprocess
    import sys

    code = (
        "import sys, pgf.analysis.tables.write as w; dict(w.TABLES);"
        "print([m for m in ('torch', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_csv_reads_back_as_the_table_s_data(whole, tmp_path):
    path = write_tables(whole, tmp_path, names=["differences"])[0]
    back = pd.read_csv(io.StringIO(path.read_text()))
    pd.testing.assert_frame_equal(back, TABLES["differences"](whole).data, check_dtype=False)
