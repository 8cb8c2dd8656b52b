"""Gradient-noise statistics: what they are, and the observer that takes them."""

from pgf.training.gradients.definitions import MASK_STATISTICS, STATISTICS
from pgf.training.gradients.observer import GradientStatistics

__all__ = ["MASK_STATISTICS", "STATISTICS", "GradientStatistics"]
