"""SLURM: a site's file, the queue, estimates of jobs, and the doctor."""
