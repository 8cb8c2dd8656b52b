"""Collection: complete and of one kind, or refused with the cells named."""

import pandas as pd
import pytest
from support.records import spec, write_run

import pgf.experiments.run_spec
from pgf.errors import UserError
from pgf.records.checksums import write_checksums
from pgf.records.collected import CURVES_FILE, RUNS_FILE, read_collected, write_collected
from pgf.records.collection import ALIKE, collect_runs
from pgf.records.record import CURVES, RECORD


@pytest.fixture(autouse=True)
def _one_code(monkeypatch):
    monkeypatch.setattr(pgf.experiments.run_spec, "code_hash", lambda: "c0")


@pytest.fixture
def specs():
    return [spec(seed) for seed in range(3)]


@pytest.fixture
def results(tmp_path, specs):
    for planned in specs:
        write_run(planned, tmp_path)
    return tmp_path


def test_one_row_per_run_in_the_order_planned(results, specs):
    runs = collect_runs(specs[::-1], results).runs
    assert list(runs["seed"]) == [2, 1, 0]
    assert list(runs["final"]) == [82.0, 81.0, 80.0]
    assert not runs["mixed"].any()


def test_columns_are_settings_but_not_layers(results, specs):
    runs = collect_runs(specs, results).runs
    assert {"sparsity", "training.steps", "fingerprint"} <= set(runs)
    assert "sparsity.fc1" not in runs
    assert list(runs["training.betas"]) == ["[0.9, 0.999]"] * 3


def test_remarks_on_layers_become_one_text(results, specs):
    layers = {"sparsity.fc2": 0.5, "sparsity.fc3": 0.5, "note.fc3": "starts at 2:64"}
    notes = {"note.fc1": "starts at 4:64", "note.fc2": "starts at 4:64"}
    write_run(specs[1], results, **layers, **notes)
    runs = collect_runs(specs, results).runs
    said = "2 of 3 layers: starts at 4:64; 1 of 3 layers: starts at 2:64"
    assert list(runs["notes"]) == ["", said, ""]
    assert not [name for name in runs if name.startswith("note.")]


def test_curves_carry_the_identity_and_no_single_layer(results, specs):
    curves = collect_runs(specs, results).curves
    assert set(curves["layer"]) == {"overall"}
    assert len(curves) == 2 * 3
    assert list(curves["seed"]) == [0, 0, 1, 1, 2, 2]
    assert list(curves["value"]) == [2.0, 1.0] * 3


def test_two_statistics_are_kept_layer_by_layer(results, specs):
    layers = collect_runs(specs, results).layers
    assert set(layers["name"]) == {"second_moment_norm"} and set(layers["layer"]) == {"fc1"}
    assert list(layers["value"]) == [3.0, 4.0] * 3


@pytest.mark.parametrize("name", [RECORD, CURVES])
def test_a_missing_run_is_named(results, specs, name):
    (specs[1].directory(results) / name).unlink()
    with pytest.raises(UserError, match=r"1 of 3 runs are missing: toy/sr_ste/1of16_FF/seed1;"):
        collect_runs(specs, results)
    assert list(collect_runs(specs, results, partial=True).runs["seed"]) == [0, 2]


def test_an_error_names_five_cells_and_counts_the_rest(tmp_path):
    planned = [spec(seed) for seed in range(8)]
    write_run(planned[0], tmp_path)
    with pytest.raises(UserError, match=r"seed5 and 2 more; train them") as caught:
        collect_runs(planned, tmp_path)
    assert "seed6" not in str(caught.value)


def test_nothing_at_all_is_refused_even_when_partial(tmp_path, specs):
    with pytest.raises(UserError, match="3 of 3 runs are missing"):
        collect_runs(specs, tmp_path, partial=True)


def test_a_copied_run_is_refused(results, specs):
    write_run(specs[2], results, seed=0)
    with pytest.raises(UserError, match=r"more than one folder: .*seed0, .*seed2; delete"):
        collect_runs(specs, results)


def test_a_run_in_the_wrong_folder_is_refused(results, specs):
    write_run(specs[2], results, seed=7)
    with pytest.raises(UserError, match=r"the record of another run: .*seed2; delete"):
        collect_runs(specs, results, allow_mixed=True)


def test_a_run_planned_twice_is_refused(results, specs):
    with pytest.raises(UserError, match=r"plans runs twice: toy/sr_ste/1of16_FF/seed1"):
        collect_runs([*specs, specs[1]], results)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("fingerprint", "other settings or code than now"),
        *((key, f"other {key} than the rest") for key in ALIKE),
        ("data", "other data than the rest of the task"),
    ],
)
def test_a_mixture_is_refused_or_marked(results, specs, key, said):
    write_run(specs[1], results, **{key: "9.9"})
    what = r" \(9\.9\)" if key in ALIKE else ""
    with pytest.raises(UserError, match=rf"{said}: toy/sr_ste/1of16_FF/seed1{what}\)"):
        collect_runs(specs, results)
    mixed = collect_runs(specs, results, allow_mixed=True)
    assert list(mixed.runs["mixed"]) == [
        False,
        True,
        False,
    ]


def test_a_refusal_says_in_what_settings_differ(results, specs):
    odd = {"training.batch_size": 999, "training.learning_rate": 0.5}
    write_run(specs[1], results, fingerprint="9.9", **odd)
    training = specs[1].training
    with pytest.raises(UserError) as error:
        collect_runs(specs, results)
    assert f"training.batch_size 999, now {training.batch_size}" in str(error.value)
    assert f"training.learning_rate 0.5, now {training.learning_rate}" in str(error.value)


def test_a_diverged_run_stays_a_row(results, specs):
    gone = {"status": "diverged", "final": None, "best": None, "best_step": None}
    write_run(specs[1], results, **gone, diverged_at=17)
    runs = collect_runs(specs, results).runs
    assert list(runs["status"]) == ["complete", "diverged", "complete"]
    assert runs["final"].isna().tolist() == [False, True, False]


def test_what_is_written_is_read_back(results, specs, tmp_path):
    collected = collect_runs(specs, results)
    write_collected(collected, tmp_path / "out")
    back = read_collected(tmp_path / "out")
    pd.testing.assert_frame_equal(back.curves, collected.curves)
    pd.testing.assert_frame_equal(back.layers, collected.layers)
    there = collected.runs.dropna(axis="columns", how="all")
    pd.testing.assert_frame_equal(back.runs[there.columns], there, check_dtype=False)
    assert list(back.runs) == list(collected.runs)


def test_versions_and_hashes_do_not_become_numbers(results, specs, tmp_path):
    for planned in specs:
        write_run(planned, results, torch="2.10", commit="12345678e9")
    write_collected(collect_runs(specs, results), tmp_path / "out")
    first = read_collected(tmp_path / "out").runs.iloc[0]
    assert (first["torch"], first["commit"]) == ("2.10", "12345678e9")


def test_raw_floats_survive_the_csv(results, specs, tmp_path):
    write_run(specs[0], results, final=100 / 3)
    write_collected(collect_runs(specs, results), tmp_path / "out")
    assert read_collected(tmp_path / "out").runs["final"][0] == 100 / 3


@pytest.mark.parametrize("name", ["final", "seed", "train_seconds"])
def test_a_text_among_numbers_is_named_with_its_row(results, specs, tmp_path, name):
    write_collected(collect_runs(specs, results), tmp_path)
    runs = pd.read_csv(tmp_path / RUNS_FILE, dtype="str")
    runs[name] = runs.get(name, "1")
    runs.loc[1, name] = "foo"
    runs.to_csv(tmp_path / RUNS_FILE, index=False)
    write_checksums(tmp_path, (RUNS_FILE, CURVES_FILE))
    with pytest.raises(UserError, match=rf"runs\.csv: {name} of row 2 is 'foo', no number"):
        read_collected(tmp_path)


def test_the_same_runs_give_the_same_bytes(results, specs, tmp_path):
    files = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_collected(collect_runs(specs, results), folder)
        files.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert files[0] == files[1]
    assert len(files[0]) == 3, "runs, curves and their checksums"


def test_the_order_of_runs_does_not_change_the_curves(results, specs):
    first, second = collect_runs(specs, results).curves, collect_runs(specs[::-1], results).curves
    pd.testing.assert_frame_equal(first, second)


def test_reading_before_collecting_says_so(tmp_path):
    with pytest.raises(UserError, match=r"runs\.csv is missing: train and collect the runs first"):
        read_collected(tmp_path)
