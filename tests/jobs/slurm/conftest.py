"""One SLURM for the whole session of tests; and a run that nothing disturbed."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster import Cluster, Grid, missing

SHORT, LONG = 160, 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing()
    for item in items:
        item.add_marker(pytest.mark.slurm)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder with a short path: a socket's is at most 108 characters long."""
    path = Path(tempfile.mkdtemp(prefix="pgf-slurm-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def cluster(folder: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A SLURM, with accounting where the module says so; the daemons have fixed ports."""
    accounting = request.module.ACCOUNTING
    if accounting and missing(accounting=True):
        pytest.skip(missing(accounting=True))
    cluster = Cluster(folder / f"cluster{int(accounting)}", accounting=accounting)
    cluster.up()
    yield cluster
    cluster.down()


@pytest.fixture
def grid(cluster: Cluster, folder: Path, request: pytest.FixtureRequest) -> Callable[..., Grid]:
    """Return what makes copies of the project, each in a folder of its own."""

    def make(name: str = "", *, steps: int = SHORT, **more: object) -> Grid:
        return Grid(folder / (request.node.name + name), steps=steps, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def undisturbed(folder: Path) -> dict[int, dict[str, bytes]]:
    """Return the results of local runs, by their steps."""
    return {steps: local_tables(folder / f"local{steps}", steps) for steps in (SHORT, LONG)}


def local_tables(folder: Path, steps: int, experiment: str = "trial") -> dict[str, bytes]:
    local = Grid(folder, steps=steps)
    local.finish(local.start(experiment, profile="default"))
    return local.tables(experiment)
