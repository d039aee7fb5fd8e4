"""Searches whose trials run on a Ray cluster: the oracle in this process, each trial a Ray task."""
