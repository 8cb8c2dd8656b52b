"""The dashboard says what the tables say, for every choice of task, length and target."""

import json
import re
from dataclasses import replace

import pytest
from support.dashboards import HOSTILE, SHARES, experiment
from support.synthetic import TARGET, TARGETS, context, runs_frame

from pgf.analysis.dashboard.board import WIDTH, boards_of
from pgf.analysis.dashboard.claims import shown_claims
from pgf.analysis.dashboard.scopes import scopes_of
from pgf.analysis.dashboard.write import as_json, write_dashboard, write_overview
from pgf.analysis.origins import OURS
from pgf.analysis.tables.kinds.claims import findings_of
from pgf.analysis.tables.ranking import places_of


@pytest.fixture(scope="module")
def made():
    return experiment()


@pytest.fixture(scope="module")
def html(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "toy"
    return write_dashboard(made, folder, report="report.html").read_text(encoding="utf-8")


def scope_at(made, key):
    return next(scope for scope in scopes_of(made) if key in scope.keys)


def board_at(made, key):
    return next(board for board in boards_of({OURS: made}) if key in board.keys)


def test_the_widest_leaderboard_is_that_of_the_tables(made):
    known = {"density": 0.0}  # none was recorded
    shown = [replace(place, **known) for place in scope_at(made, "||").places]
    assert shown == [replace(place, **known) for place in places_of(made)]
    assert scope_at(made, "||").cells == (("toy_200", TARGET),)


def test_every_length_has_a_leaderboard_of_its_own(made):
    for task, shares in SHARES.items():
        scope = scope_at(made, f"toy|{task.removeprefix('toy_')}|{TARGET}")
        order = sorted(shares, key=lambda name: -shares[name])
        assert [place.recipe for place in scope.places] == order and not scope.remark
        rows = board_at(made, f"toy|{task.removeprefix('toy_')}|{TARGET}").rows
        assert [row.share for row in rows] == pytest.approx(sorted(shares.values())[::-1], abs=0.01)
        for row in rows:
            assert row.low <= row.at <= row.high and row.zero <= row.at


def test_a_target_that_does_not_grade_is_shown_without_ranks(made):
    board = board_at(made, f"toy|200|{TARGETS[0]}")
    assert "does not grade" in board.remark
    assert board.rows and all(row.texts[0] == row.texts[2] == "-" for row in board.rows)


def test_choices_share_a_leaderboard_where_their_cells_are_the_same(made):
    keys = [key for scope in scopes_of(made) for key in scope.keys]
    assert len(keys) == len(set(keys)) == 2 * 3 * 3
    assert "toy||" in scope_at(made, "||").keys


def test_each_origin_is_ranked_for_itself(made):
    lab = replace(
        made, runs=made.runs.replace({"recipe": {"sr_ste": "mdgf_linear", "mdgf_linear": "sr_ste"}})
    )
    together = boards_of({"ours": made, "lab": lab})
    for name, own in (("ours", made), ("lab", lab)):
        for alone in boards_of({OURS: own}):
            board = next(one for one in together if alone.keys[0] in one.keys)
            rows = [row for row in board.rows if row.origin == name]
            for key in ("recipe", "share", "texts", "cells"):
                assert [getattr(r, key) for r in rows] == [getattr(r, key) for r in alone.rows]


def test_a_row_opens_to_seeds_settings_and_trials(made):
    board = board_at(made, f"toy|200|{TARGET}")
    (cell,) = next(row for row in board.rows if row.recipe == "sr_ste").cells
    own = made.runs[(made.runs["task"] == "toy_200") & (made.runs["recipe"] == "sr_ste")]
    finals = own[own["target"] == TARGET].set_index("seed")["final"]
    assert [seed for seed, _ in cell.losses] == sorted(finals.index)
    for seed, text in cell.losses:
        assert float(text) == pytest.approx(finals[seed], rel=1e-3)
    assert (cell.trials, cell.learning_rate) == ("7", "0.01")
    others = [c.trials for row in board.rows if row.recipe != "sr_ste" for c in row.cells]
    assert set(others) == {"not known"}


def test_claims_count_the_verdicts(made):
    shown = shown_claims(made)
    assert sum(count for claim in shown for _, count in claim.verdicts) == len(findings_of(made))
    assert all(len(claim.block.rows) >= sum(n for _, n in claim.verdicts) for claim in shown)


def test_text_of_runs_is_escaped(html):
    assert HOSTILE not in html and "&lt;script&gt;window.hostile" in html
    data = html.split('id="data">')[1].split("</script>")[0]
    assert HOSTILE in json.loads(data)["labels"].values()
    assert "<" not in as_json({"<": "</script><!--"})


def test_it_asks_for_nothing_from_elsewhere(html):
    links = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"', html.split('id="data">')[0])
    assert {link for link in links if not link.startswith("#")} == {"data:,", "report.html"}
    assert "@import" not in html and "url(" not in html.split("</style>")[0]


def test_it_says_how_to_make_it_again(html):
    for text in ("git checkout c0ffee", "make EXPERIMENT=toy reproduce", 'href="report.html"'):
        assert text in html


def test_the_same_runs_give_the_same_file(made, html, tmp_path):
    again = write_dashboard(experiment(), tmp_path / "toy", report="report.html")
    assert again.read_text(encoding="utf-8") == html


def test_one_page_over_several_links_to_each(made, tmp_path):
    write_dashboard(made, tmp_path / "one")
    contexts, made_by = {"one": made, "other": made}, "python -m pgf dashboard one other"
    text = write_overview(contexts, tmp_path, made_by=made_by).read_text(encoding="utf-8")
    assert 'href="one/index.html"' in text and "one/toy" in text
    assert "other/toy" in text and 'href="other/' not in text, "it has no page to link to"
    assert "window.vegaEmbed" not in text


def test_an_experiment_of_dense_runs_alone_has_a_page(tmp_path):
    only = context(runs_frame({("dense", "dense"): [90.0] * 3}), baselines=(), published={})
    text = write_dashboard(only, tmp_path / "dense").read_text(encoding="utf-8")
    assert "window.vegaEmbed" not in text and 'id="provenance"' in text


def test_shares_far_away_are_arrows_and_leave_room_for_the_others(made):
    far = made.runs["recipe"] == "mdgf_linear"
    for shift, arrow in ((-900.0, -1), (900.0, 1)):
        moved = made.runs.assign(final=made.runs["final"].where(~far, made.runs["final"] + shift))
        rows = {row.recipe: row for row in board_at(replace(made, runs=moved), "||").rows}
        assert rows["mdgf_linear"].arrow == arrow and rows["sr_ste"].arrow == 0
        ends = [place for row in rows.values() for place in (row.low, row.at, row.high, row.zero)]
        assert min(ends) >= 0 and max(ends) <= WIDTH
        assert abs(rows["sr_ste"].at - rows["sr_ste"].zero) > 5
