"""PyTorch's weights, into Keras models and back."""

from keras_dlnotes.interop.loading import LoadReport
from keras_dlnotes.interop.rules import rule
from keras_dlnotes.interop.torch_weights import load_torch, to_torch

__all__ = ["LoadReport", "load_torch", "rule", "to_torch"]
