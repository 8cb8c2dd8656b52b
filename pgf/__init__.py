"""N:M sparse training recipes, under one training loop and in anybody's own.

Implements the recipes of "Progressive Gradient Flow for Robust N:M Sparsity Training in
Transformers" (arXiv 2402.04744) and compares them. The names here are the library: recipes, and
what applies one to a model. `import pgf` loads no torch; a name is loaded on first use.

    >>> import torch, pgf
    >>> model = torch.nn.ModuleDict({"fc1": torch.nn.Linear(16, 32), "fc2": torch.nn.Linear(32, 4)})
    >>> recipe = pgf.find_recipe("mdgf_linear")(dense=0.1, fine_tune=0.3)
    >>> sparsifier = pgf.Sparsifier(
    ...     model, target=pgf.Target.parse("1:4(FF)"), recipe=recipe, total_steps=100, mask_seed=0
    ... )
    >>> [layer.name for layer in sparsifier.layers]
    ['fc1', 'fc2']
"""

import lazy_loader

__version__ = "0.1.1"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
