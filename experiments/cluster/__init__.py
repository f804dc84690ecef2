"""Sweeps under Slurm: an array of independent processes, Dask workers, or hosts that play together."""
