"""Recurrent weights: gates in PyTorch's order, and its two biases."""

import keras
import numpy as np

from keras_dlnotes.interop.layout import IDENTITY
from keras_dlnotes.interop.weight_mapping import (
    WeightMapping,
    single,
    to_keras_order,
    to_torch_order,
)

# where PyTorch's gates lie among Keras's: i f g o and i f c o; r z n and z r h
_GATES = {
    keras.layers.SimpleRNNCell: (0,),
    keras.layers.LSTMCell: (0, 1, 2, 3),
    keras.layers.GRUCell: (1, 0, 2),
}


def recurrent_mappings(layer: keras.Layer, path: str, rows=IDENTITY) -> list[WeightMapping]:
    """The mappings of a recurrent layer, or of both directions of a bidirectional one.

    `rows` is the order of its input features.
    """
    if isinstance(layer, keras.layers.Bidirectional):
        forward = _cell_mappings(layer.forward_layer.cell, path, "", rows)
        return forward + _cell_mappings(layer.backward_layer.cell, path, "_reverse", rows)
    return _cell_mappings(layer.cell, path, "", rows)


def _cell_mappings(cell, path: str, suffix: str, rows) -> list[WeightMapping]:
    order = next((gates for kind, gates in _GATES.items() if isinstance(cell, kind)), None)
    if order is None:
        raise ValueError(
            f"Layer {path} runs a {type(cell).__name__}, and PyTorch has only simple "
            "recurrent, LSTM and GRU networks."
        )
    _check_equations(cell, path)

    def gates(values):
        """For both directions: the permutations are their own inverses."""
        blocks = np.split(values, len(order), axis=-1)
        return np.concatenate([blocks[gate] for gate in order], axis=-1)

    def matrix(name, variable, order):
        return single(
            name + suffix,
            variable,
            variable.shape[::-1],
            lambda kernel: gates(to_torch_order(kernel, order, 0)).T,
            lambda weight: to_keras_order(gates(weight.T), order, 0),
        )

    mappings = [
        matrix("weight_ih", cell.kernel, rows),
        matrix("weight_hh", cell.recurrent_kernel, IDENTITY),
    ]
    if cell.bias is not None:
        names = ("bias_ih" + suffix, "bias_hh" + suffix)
        of_two = len(cell.bias.shape) == 2  # a GRU's, where the reset comes after the product
        mappings.append(
            WeightMapping(
                (cell.bias,),
                dict.fromkeys(names, (cell.bias.shape[-1],)),
                (lambda bias: tuple(gates(bias)))
                if of_two
                else (lambda bias: (gates(bias), np.zeros_like(bias))),
                (lambda ih, hh: (gates(np.stack([ih, hh])),))
                if of_two
                else (lambda ih, hh: (gates(ih + hh),)),
            )
        )
    return mappings


def _check_equations(cell, path: str) -> None:
    if getattr(cell, "reset_after", True) is False:
        raise ValueError(
            f"Layer {path} resets the state before the product with U, tanh(Wx + U(r⊙h) + b); "
            "PyTorch does so after it, tanh(Wx + b + r⊙(Uh + b')), and no weights make them "
            "equal. Build the layer with reset_after=True."
        )
    for name, common in (("forget_gate", "separate"), ("output_gate", "current")):
        if getattr(cell, name, common) != common:
            raise ValueError(
                f"Layer {path} has {name}={getattr(cell, name)!r}, which PyTorch lacks. Build the "
                f"layer with {name}={common!r}."
            )
