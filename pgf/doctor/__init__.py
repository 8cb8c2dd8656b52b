"""What stands between a SLURM profile and a running grid, each with its remedy."""

from pgf.doctor.cluster import examine
from pgf.doctor.finding import Finding, is_healthy, verdict

__all__ = ["Finding", "examine", "is_healthy", "verdict"]
