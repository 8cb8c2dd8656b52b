"""What stands between a SLURM profile and a running grid, each with its remedy."""

from pgf.doctor.cluster import examine
from pgf.doctor.finding import Finding

__all__ = ["Finding", "examine"]
