"""PyTorch's networks and weights, into Keras models and back."""

from keras_dlnotes.interop.compare import Comparison, Pair, compare
from keras_dlnotes.interop.from_torch import from_torch
from keras_dlnotes.interop.loading import LoadReport
from keras_dlnotes.interop.rules import rule
from keras_dlnotes.interop.torch_weights import load_torch, to_torch

__all__ = [
    "Comparison",
    "LoadReport",
    "Pair",
    "compare",
    "from_torch",
    "load_torch",
    "rule",
    "to_torch",
]
