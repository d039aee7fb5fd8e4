"""LSTM, GRU and simple recurrent networks: a layer for each level, around both directions."""

from typing import Any

import keras
import torch

from keras_dlnotes import layers
from keras_dlnotes.interop.converted import recurrent_keys
from keras_dlnotes.interop.from_torch.axes import stack
from keras_dlnotes.interop.from_torch.conversion import Conversion, Free, enter
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value


class Filled(Value):
    """A tensor of one number and of an open number of examples; recurrent networks begin with 0."""

    def __init__(self, c: Conversion, number, dtype):
        self.number = number
        super().__init__(Free(c, torch.tensor(number, dtype=dtype)).tensor, (), c.atoms(c.sizes()))


def filled(c: Conversion, *arguments, **_):
    place = {"new_full": 2, "full": 1, "full_like": 1}.get(c.operation)
    number = int("ones" in c.operation) if place is None else arguments[place]
    sizes, dtype = c.sizes(), c.node.meta["val"].dtype
    if all(isinstance(size, int) for size in sizes):
        return Free(c, torch.full(sizes, number, dtype=dtype))
    return Filled(c, number, dtype)


_KINDS: dict[str, tuple] = {
    "lstm": (layers.LSTM, {}),
    "gru": (layers.GRU, {"reset_after": True}),
    "rnn_tanh": (layers.SimpleRNN, {}),
    "rnn_relu": (layers.SimpleRNN, {"activation": "relu"}),
}


def recurrence(
    c: Conversion, x, initial, tensors, biases, levels, dropout, _train, both, batch_first
) -> list[Value]:
    """(output, h) or (output, h, c), as `aten.lstm` and its like return them."""
    initial = initial if isinstance(initial, list | tuple) else [initial]
    if not all(isinstance(state, Filled) and not state.number for state in initial):
        raise UnsupportedError("a recurrent network that does not begin with zeros")
    each = len(tensors) // levels
    is_free = all(isinstance(tensor, Free) for tensor in tensors)
    if not is_free or len(tensors) != (4 if biases else 2) * (2 if both else 1) * levels:
        raise UnsupportedError("a recurrent network of other weights, as with proj_size")
    batch, time, features = x.axes if batch_first else (x.axes[n] for n in (1, 0, 2))
    tensor = x.arranged((batch, time, features)).tensor
    kind, arguments = _KINDS[c.operation]
    arguments = arguments | {"return_sequences": True, "return_state": True, "use_bias": biases}
    last: list[list[Any]] = [[] for _ in initial]
    path = tensors[0].path.rpartition(".")[0]
    for level in range(levels):
        if level and dropout:
            where = f"{path}.dropout{level}"
            tensor = c.layer(keras.layers.Dropout, tensor, path=where, rate=dropout)
        own = tensors[level * each : (level + 1) * each]
        layer = kind(own[1].shape[1], **arguments, name=c.name(f"{path}.{level}"))
        if both:
            layer = layers.Bidirectional(layer, name=c.name(f"{path}.{level}.both"))
        tensor, *ends = layer(tensor)
        _place(c, layer, path, level, own)
        for number, end in enumerate(ends):
            last[number % len(last)].append(end)
    units, width = c.atoms([c.sizes()[-1], last[0][0].shape[-1]])
    axes = (batch, time, units) if batch_first else (time, batch, units)
    ends = [[Value(end, (batch, width), (batch, width)) for end in entries] for entries in last]
    return [Value(tensor, (batch, time, units), axes), *(stack(c, values) for values in ends)]


def _place(c: Conversion, layer, path: str, level: int, tensors: list[Free]) -> None:
    """Loads a level's tensors, whose names PyTorch makes of the level and the direction."""
    arrays = {tensor.path: tensor.array for tensor in tensors}
    entry = {"layer": layer.name, "path": path, "level": level}
    for mapping, keys in recurrent_keys(layer, entry):
        values = mapping.weights({name: arrays[key] for name, key in keys.items()})
        for variable, value in zip(mapping.variables, values, strict=True):
            variable.assign(value)
    c.used.update(arrays)
    c.record["recurrent"].append(entry)


enter({"zeros zeros_like new_zeros ones ones_like new_ones full full_like new_full": filled})
enter({"lstm gru rnn_tanh rnn_relu": recurrence})
