"""One thread, no network, Ctrl-C as a terminal sends it, and the same examples on every run."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

for library in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[library] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
# A shell starts what it puts in the background with Ctrl-C ignored, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "pgf", derandomize=True, deadline=None, max_examples=50, database=None, print_blob=False
)
settings.load_profile("pgf")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked `gpu` where torch sees none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch  # after the threads are set

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="torch sees no GPU"))


@pytest.fixture(scope="session")
def text_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small data for every text task; to be read alone."""
    from support.texts import write_every_family  # after the threads are set: it imports torch

    return write_every_family(tmp_path_factory.mktemp("texts"))
