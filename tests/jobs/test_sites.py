"""Requests of jobs to a site follow from its file and from the cost of runs."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string
from snakemake_executor_plugin_slurm.validation import validate_slurm_extra
from support.helpers import tiny_spec

from pgf.errors import UserError
from pgf.experiments.run_spec import RunSpec
from pgf.jobs.slurm import queue as slurm
from pgf.jobs.slurm.estimate import estimate_costs, write_estimate
from pgf.jobs.slurm.sites import (
    ESTIMATE,
    GROWTH,
    PROFILES,
    START_MINUTES,
    Site,
    TaskCost,
    extra_options,
    job_cores,
    job_gpus,
    job_memory,
    job_minutes,
    load_site,
    queue_options,
    read_estimate,
    run_flops,
    run_hours,
)
from pgf.records.failures import failure_summary, last_lines

FILE = PROFILES / "slurm/site.yaml"
SPEC = tiny_spec("ste")
SAMPLES = SPEC.training.batch_size * SPEC.training.steps
COSTS = {"digits": TaskCost(flops_a_sample=3.6e15 / SAMPLES, bytes=2**30)}
"""A run takes an hour at one TFLOP/s."""


def on(processes: int) -> RunSpec:
    """Return the run as one of several processes."""
    return tiny_spec("ste", batch_size=840, processes=processes)


def test_every_key_of_a_site_stands_in_its_file_with_an_explanation() -> None:
    lines = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
    assert [line.partition(":")[0] for line in lines] == list(Site.model_fields)
    assert all(" # " in line for line in lines)
    assert load_site(FILE) == Site(), "the file shows the defaults"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("partitoin: gpu", "unknown key; did you mean 'partition'?"),
        ("cpus: 0", "cpus"),
        ("tflops: fast", "tflops"),
        ("hang_minutes: 0.5", "hang_minutes must be at least 1"),
        ("most_memory_mb: 0", "most_memory_mb"),
        ('extra: "--nice=9 --time=3"', "extra: Snakemake's SLURM executor refuses it: "),
        ('extra: "--gpus=a100:2"', "extra: Snakemake's SLURM executor refuses it: "),
        ('extra: "--exclude=\'node7"', "extra: no options of sbatch: No closing quotation"),
        ('gpu_model: "a100:2"', "gpu_model"),
        ('gpu_model: "a100; reboot"', "gpu_model"),
        ("gpu_model: a100-J1", "gpu_model: Snakemake's SLURM executor refuses it: "),
        ("gpus: [", "is no YAML"),
    ],
)
def test_a_wrong_site_file_is_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_site(path)
    assert str(path) in str(error.value) and message in str(error.value)


def test_hours_are_operations_over_rate() -> None:
    assert run_hours(SPEC, COSTS["digits"], Site(tflops=1.0)) == pytest.approx(1.0)
    by_four = replace(SPEC, training=replace(SPEC.training, processes=4))
    assert run_hours(by_four, COSTS["digits"], Site(tflops=1.0)) == pytest.approx(0.25)
    larger = replace(SPEC, training=replace(SPEC.training, batch_size=3 * SPEC.training.batch_size))
    assert run_hours(larger, COSTS["digits"], Site(tflops=1.0)) == pytest.approx(3.0)


def test_a_time_limit_is_the_estimate_with_a_margin_and_at_most_the_sites() -> None:
    site = Site(tflops=1.0, longest_minutes=600)
    assert job_minutes([SPEC, SPEC], COSTS, site, attempt=1) == START_MINUTES + 180
    assert job_minutes([SPEC] * 40, COSTS, site, attempt=1) == 600
    assert job_minutes([SPEC], {}, site, attempt=1) == 600, "nobody knows yet"


@given(st.integers(1, 8), st.integers(20, 2000), st.floats(0.01, 100.0))
def test_every_attempt_asks_for_more_minutes_up_to_the_longest(
    attempt: int, longest: int, tflops: float
) -> None:
    site = Site(tflops=tflops, longest_minutes=longest)
    now, then = (job_minutes([SPEC], COSTS, site, attempt=a) for a in (attempt, attempt + 1))
    assert START_MINUTES <= now <= then <= longest
    assert then == longest or then == pytest.approx(GROWTH * now, abs=2)


@given(st.integers(1, 8), st.integers(1, 64_000), st.integers(1, 500_000), st.integers(1, 8))
def test_every_attempt_asks_for_more_memory_up_to_the_most(
    attempt: int, memory_mb: int, most: int, processes: int
) -> None:
    site = Site(memory_mb=memory_mb, most_memory_mb=most)
    runs = [on(processes)]
    now, then = (job_memory(runs, COSTS, site, attempt=a) for a in (attempt, attempt + 1))
    assert min(most, processes * (memory_mb + 1024)) <= now <= then <= most
    assert then == most or then == pytest.approx(GROWTH * now, abs=2)


def test_a_task_that_the_estimate_lacks_is_one_that_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / ESTIMATE).write_text('{"another": {"flops_a_sample": 1.0, "bytes": 1073741824}}')
    costs = read_estimate(tmp_path)
    site = Site(longest_minutes=77, memory_mb=500)
    assert job_minutes([SPEC], costs, site, attempt=1) == 77
    assert job_memory([SPEC], costs, site, attempt=1) == 500
    stacked = replace(SPEC, training=replace(SPEC.training, stack=3))
    gigabyte = {SPEC.task.name: replace(COSTS[SPEC.task.name], bytes=2**30)}
    for runs, models in (([stacked], 1), ([stacked] * 2, 2), ([stacked] * 9, 3)):
        assert job_memory(runs, gigabyte, site, attempt=1) == 500 + models * 1024


def test_what_a_site_leaves_open_is_not_asked_for() -> None:
    assert queue_options(Site()) == {} and extra_options([SPEC], Site()) == ""
    site = Site(partition="gpu", gpu_model="a100", constraint="a100&nvlink", extra="--nice=9")
    wanted = {"slurm_partition": "gpu", "gpu_model": "a100", "constraint": "a100&nvlink"}
    assert queue_options(site) == wanted and extra_options([SPEC], site) == "--nice=9"
    assert queue_options(Site(gpus=False, gpu_model="a100")) == {}
    assert extra_options([SPEC], Site(gpus=False, gpu_model="a100-sxm4-80gb")) == ""


class Resources(dict[str, Any]):
    """As Snakemake hands them to its executor."""

    __getattr__ = dict.__getitem__


def sbatch(site: Site, specs: list[RunSpec]) -> str:
    """Return what the executor would call for a job of the rule `train`, if it does not refuse."""
    resources = Resources(
        **queue_options(site),
        nodes=1,
        gpu=job_gpus(specs, site),
        slurm_extra=extra_options(specs, site),
        mem_mb=job_memory(specs, COSTS, site, attempt=1),
        runtime=job_minutes(specs, COSTS, site, attempt=1),
    )
    job = SimpleNamespace(resources=resources, threads=job_cores(specs, site))
    validate_slurm_extra(SimpleNamespace(resources=SimpleNamespace(**resources)))
    names = ("run_uuid", "slurm_logfile", "comment_str", "account", "partition", "workdir")
    return get_submit_command(job, dict.fromkeys(names, "")) + set_gres_string(job)


MODELS = st.text("aX19_.-+", min_size=1, max_size=9) | st.just("nvidia_a100-sxm4-80gb")


@given(MODELS, st.integers(1, 8), st.booleans())
def test_every_gpu_model_that_a_site_may_name_is_asked_for_once(
    model: str, processes: int, is_on_gpus: bool
) -> None:
    site = Site(gpu_model=model, gpus=is_on_gpus, extra="--nice=9")
    call = sbatch(site, [on(processes)]).split()
    asked = [word for word in call if word.startswith("--gpus")]
    option = "--gpus-per-node" if set(model) & set("-+") else "--gpus"
    assert asked == [f"{option}={model}:{processes}"] * is_on_gpus
    assert {"--nodes=1", "--nice=9", f"--cpus-per-task={8 * processes}"} <= set(call)


def test_gpus_without_a_model_are_asked_for_by_number() -> None:
    assert "--gpus=4" in sbatch(Site(), [SPEC, on(4)]).split()
    assert " -C 'a100&nvlink'" in sbatch(Site(constraint="a100&nvlink"), [SPEC])


def test_an_estimate_counts_operations_and_parameters(tmp_path: Path) -> None:
    write_estimate([SPEC], tmp_path)
    costs = read_estimate(tmp_path)
    assert costs == estimate_costs([SPEC])
    longer = replace(SPEC, training=replace(SPEC.training, steps=28))
    assert estimate_costs([longer, SPEC]) == estimate_costs([SPEC, longer]) == costs
    assert run_flops(longer, costs["digits"]) == 2 * run_flops(SPEC, costs["digits"]) > 0
    assert read_estimate(tmp_path / "nowhere") == {}
    (tmp_path / ESTIMATE).write_text('{"digits": {"flops": 1.0, "bytes": 1}}')
    assert read_estimate(tmp_path) == {}, "an estimate of another version"


def test_runs_on_the_cpu_ask_for_no_gpu() -> None:
    on_cpu = replace(SPEC, training=replace(SPEC.training, device="cpu", processes=4))
    assert job_gpus([on_cpu], Site()) == 0 and job_gpus([on_cpu, SPEC], Site()) == 1
    odd = Site(gpu_model="a100-sxm4-80gb")
    assert "gpu" in extra_options([SPEC], odd) and "gpu" not in extra_options([on_cpu], odd)


def test_the_prefix_of_job_names_is_one_that_the_executor_takes() -> None:
    for name in ("laptop", "a.b-c_d", "x" * 90):
        assert set(slurm.prefix(name)) <= set("abcdefghijklmnopqrstuvwxyz-") | set("0123456789_")
        assert len(slurm.prefix(name)) <= 50


def test_profiles_leave_outputs_of_killed_jobs_alone_and_retries_to_the_workflow() -> None:
    profile = yaml.safe_load((PROFILES / "slurm/profile.yaml").read_text())
    assert profile["executor"] == "slurm" and profile["retries"] > 0
    assert profile["slurm-requeue"] and profile["ignore-incomplete"] and profile["keep-going"]
    assert "slurm-array-jobs" not in profile, "they report failures as successes"
    assert profile["slurm-delete-logfiles-older-than"] == 0, "the folders of waiting jobs go too"


def test_a_summary_names_missing_runs_with_their_last_words(tmp_path: Path) -> None:
    failed, never = tiny_spec("ste"), tiny_spec("dense")
    log = failed.directory(tmp_path) / "train.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {i}\n" for i in range(2000)))
    text = failure_summary([failed, never], tmp_path)
    assert text.startswith("2 of 2 runs are not finished, 1 of them never started")
    assert str(log) in text and text.endswith("line 1999")
    assert last_lines(log) == ["line 1996", "line 1997", "line 1998", "line 1999"]
