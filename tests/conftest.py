"""One thread, no network, and the same examples on every run."""

import os

from hypothesis import settings

for library in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[library] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

settings.register_profile(
    "pgf", derandomize=True, deadline=None, max_examples=50, database=None, print_blob=False
)
settings.load_profile("pgf")
