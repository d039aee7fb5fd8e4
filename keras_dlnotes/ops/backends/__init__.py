"""What each framework does its own way, and nothing anywhere else."""
