"""The commands. Each imports what it needs when it is called: tables need no torch."""

from pgf.commands import analysis, cluster, costs, models, training, workflow
from pgf.commands.registry import COMMANDS, Command

__all__ = ["COMMANDS", "Command", "analysis", "cluster", "costs", "models", "training", "workflow"]
