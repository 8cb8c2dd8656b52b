"""Training recipes as pure functions of progress, and their open registry."""

from pgf.recipes import baselines, idp, mdgf, sdgf
from pgf.recipes.base import Clock, GradientRule, MaskSource, Phase, Recipe
from pgf.recipes.registry import ENTRY_POINT_GROUP, RECIPES, find_recipe, register

__all__ = [
    "ENTRY_POINT_GROUP",
    "RECIPES",
    "Clock",
    "GradientRule",
    "MaskSource",
    "Phase",
    "Recipe",
    "baselines",
    "find_recipe",
    "idp",
    "mdgf",
    "register",
    "sdgf",
]
