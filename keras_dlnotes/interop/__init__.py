"""PyTorch's weights, into Keras models and back."""

from keras_dlnotes.interop.torch_weights import load_torch, to_torch

__all__ = ["load_torch", "to_torch"]
