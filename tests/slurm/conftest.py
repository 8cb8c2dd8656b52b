"""One SLURM for the whole session of tests; and a run that nothing disturbed."""

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
    import shutil
    import tempfile

    path = Path(tempfile.mkdtemp(prefix="pgf-slurm-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder / "cluster", accounting=not missing(accounting=True))
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
    found = {}
    for steps in (SHORT, LONG):
        local = Grid(folder / f"local{steps}", steps=steps)
        local.finish(local.start(profile="default"))
        found[steps] = local.tables()
    return found
