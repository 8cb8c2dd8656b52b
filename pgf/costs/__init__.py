"""Costs of models, recipes and runs: counted, timed, and in GPU hours.

Three words are used: a cost is *counted* when it follows from model and recipe alone, as FLOPs,
weights and bytes do (`compute/`); it is *timed* when a clock on this machine says it (`bench/`);
and *GPU hours* are counted FLOPs over an assumed speed (`gpu_hours`). `survey` lists the
layers of models that can be pruned.

Its names are in `__init__.pyi` and are imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
