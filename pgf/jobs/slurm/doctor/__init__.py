"""What stands between a SLURM profile and a running grid, each with its remedy."""

from pgf.jobs.slurm.doctor.cluster import examine
from pgf.jobs.slurm.doctor.finding import Finding, is_healthy, verdict

__all__ = ["Finding", "examine", "is_healthy", "verdict"]
