"""The commands. Each imports what it needs when it is called: tables need no torch."""

from pgf.cli import (
    bench,
    cluster,
    committed,
    compute,
    conformance,
    dashboard,
    gpu,
    listing,
    models,
    pack,
    plan,
    reproduce,
    results,
    status,
    training,
    tune,
)
from pgf.cli.registry import COMMANDS, Command, overview

__all__ = [
    "COMMANDS",
    "Command",
    "bench",
    "cluster",
    "committed",
    "compute",
    "conformance",
    "dashboard",
    "gpu",
    "listing",
    "models",
    "overview",
    "pack",
    "plan",
    "reproduce",
    "results",
    "status",
    "training",
    "tune",
]
