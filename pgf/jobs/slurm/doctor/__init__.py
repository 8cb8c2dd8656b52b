"""The doctor: findings about a SLURM profile and its cluster, each with its remedy."""

from pgf.jobs.slurm.doctor.cluster import examine_cluster
from pgf.jobs.slurm.doctor.finding import Finding, doctor_summary, is_healthy

__all__ = ["Finding", "doctor_summary", "examine_cluster", "is_healthy"]
