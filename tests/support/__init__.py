"""Shared by the tests: small models, runs, data sets and copies of the project."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
