"""The commands. Each imports what it needs when it is called: tables need no torch."""

from pgf.cli import analysis, cluster, costs, models, training, workflow
from pgf.cli.registry import COMMANDS, Command

__all__ = ["COMMANDS", "Command", "analysis", "cluster", "costs", "models", "training", "workflow"]
