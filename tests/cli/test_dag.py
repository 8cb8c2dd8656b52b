"""The facade of the workflow: light, strict about its keys, and modest in what jobs ask for."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import ROOT

from pgf.cli.dag import KEYS, Dag
from pgf.errors import UserError
from pgf.experiments.config import load_experiment

CONFIG = ROOT / "workflow/config.yaml"
SITE = (
    "partition: gpu\ngpu_model: a100\nlongest_minutes: 20\nmost_memory_mb: 4000\nextra: --nice=1\n"
)


def test_it_imports_neither_torch_nor_pandas() -> None:
    code = (
        "import sys, pgf.cli.dag as d; d.Dag.read({}).fingerprint('digits_vit.part0'); "
        "sys.exit(bool({'torch', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_rules_import_nothing_else_of_the_package() -> None:
    texts = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    lines = [line for path in texts for line in path.read_text().splitlines()]
    found = [line for line in lines if "import" in line and "pgf" in line and line[0] != "#"]
    assert [line for line in found if "imports" not in line] == [
        "from pgf.cli.dag import Dag, UserError"
    ]


def test_every_key_stands_in_the_config_with_an_explanation() -> None:
    lines = [line for line in CONFIG.read_text().splitlines() if not line.startswith("#")]
    assert [line.partition(":")[0] for line in lines] == list(KEYS)
    assert all(" # " in line for line in lines)
    page = (ROOT / "workflow/README.md").read_text()
    assert all(f"| `{key}` |" in page for key in KEYS)


def test_the_config_as_it_stands_is_the_default() -> None:
    dag, default = Dag.read(yaml.safe_load(CONFIG.read_text())), Dag.read({})
    assert (dag.config, dag.site, dag.adopted) == (default.config, default.site, default.adopted)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"experimnt": "smoke"}, "unknown key 'experimnt'; did you mean 'experiment'?"),
        ({"experiment": "smoek"}, "did you mean 'smoke'?"),
    ],
)
def test_what_is_not_there_is_refused(values: dict[str, str], words: str) -> None:
    with pytest.raises(UserError) as caught:
        Dag.read(values)
    assert words in str(caught.value)


@pytest.mark.parametrize("gpus", [0, "0", "0,1"])
def test_gpus_that_are_named_are_asked_for(gpus: int | str) -> None:
    assert Dag.read({"experiment": "smoke", "gpus": gpus}).gpus("digits_vit.part0") == 1
    assert Dag.read({"experiment": "smoke"}).gpus("digits_vit.part0") == 0


def test_a_job_that_trains_nothing_asks_for_no_gpu_and_for_little(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    dag = Dag.read({"experiment": "smoke", "site": str(path)})
    assert dag.queue_options()["gpu_model"] == "a100"
    assert dag.small_job() == {
        "slurm_partition": "gpu",
        "mem_mb": 4000,
        "runtime": 20,
        "slurm_extra": "--nice=1",
    }


def test_the_jobs_that_are_not_adopted_are_all_others() -> None:
    jobs = list(load_experiment("smoke").jobs())
    dag = Dag.read({"experiment": "smoke", "adopted": jobs[0]})
    assert dag.manifests(adopted=False) == dag.manifests()[1:]
    assert len(dag.manifests()) == len(jobs)
