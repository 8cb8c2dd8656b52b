"""Recipes: what a training does to a model's weights at which step; no tensors here.

A recipe is a pure function of progress. To add one: a class in a file of this room, or in one of
your own, under `@register("name")`. `Registry` serves the other rooms, too.
"""

from pgf.recipes import baselines, controls, idp, mdgf, sdgf
from pgf.recipes.base import Recipe
from pgf.recipes.hooks import (
    ActsInSteps,
    AdamStep,
    Calibrates,
    ChoosesMasks,
    Distils,
    Inputs,
    Layer,
    LayerHook,
    LearnsScores,
    MasksInputGradients,
    ShapesWeights,
    TurnsGradients,
)
from pgf.recipes.outside import beside, outside_file
from pgf.recipes.patterns import GROUPS, ROLES, NMPattern, Target
from pgf.recipes.phases import Clock, GradientRule, MaskSource, Phase
from pgf.recipes.registry import (
    RECIPES,
    Registry,
    find_recipe,
    pruning_recipes,
    register,
)

__all__ = [
    "GROUPS",
    "RECIPES",
    "ROLES",
    "ActsInSteps",
    "AdamStep",
    "Calibrates",
    "ChoosesMasks",
    "Clock",
    "Distils",
    "GradientRule",
    "Inputs",
    "Layer",
    "LayerHook",
    "LearnsScores",
    "MaskSource",
    "MasksInputGradients",
    "NMPattern",
    "Phase",
    "Recipe",
    "Registry",
    "ShapesWeights",
    "Target",
    "TurnsGradients",
    "baselines",
    "beside",
    "controls",
    "find_recipe",
    "idp",
    "mdgf",
    "outside_file",
    "pruning_recipes",
    "register",
    "sdgf",
]
