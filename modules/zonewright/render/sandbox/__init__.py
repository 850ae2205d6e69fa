"""Templates checked before they run, and run where they can do nothing else."""
