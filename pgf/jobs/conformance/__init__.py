"""Laws that every recipe keeps, tried on short trainings of a small model."""

from pgf.jobs.conformance.kit import Finding, check_recipe, step_cost
from pgf.jobs.conformance.laws import LAWS

__all__ = ["LAWS", "Finding", "check_recipe", "step_cost"]
