"""Many runs on machines: jobs, leases, progress, Snakemake and SLURM.

Its names are in `__init__.pyi` and are imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
