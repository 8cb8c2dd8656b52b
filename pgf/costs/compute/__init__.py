"""Counted costs of models and recipes: the paper's Tables 1, 17 and 18, and training FLOPs.

No run is needed: models are built without memory, and operations counted on them. Nor are data,
but for the number of classes where the option `classes` does not give it.
This module stays light: a workflow asks it for file names on every start.
"""

NAMES = ("layer_types", "targets", "training")
SUFFIXES = (".csv", ".md", ".tex")


def compute_files() -> tuple[str, ...]:
    """Return the names of the files that `pgf.costs.compute.write.write_compute` writes."""
    return tuple(name + suffix for name in NAMES for suffix in SUFFIXES)
