#!/usr/bin/env bash
# Run by Snakemake in the project's folder, once the environment is there.
set -euo pipefail
python -m pip install --quiet --no-deps --no-build-isolation --editable .
