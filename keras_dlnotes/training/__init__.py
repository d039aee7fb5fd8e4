"""Algorithms on models: exact statistics, endless streams, separable kernels."""

from keras_dlnotes.training.separation import Separation, separate_convolutions
from keras_dlnotes.training.statistics import RecomputeStatistics, recompute_statistics
from keras_dlnotes.training.truncated import fit_truncated

__all__ = [
    "RecomputeStatistics",
    "Separation",
    "fit_truncated",
    "recompute_statistics",
    "separate_convolutions",
]
