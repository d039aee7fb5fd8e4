"""LSTM, GRU and simple recurrent networks: a layer for each level, around both directions."""

from typing import Any

import keras

from keras_dlnotes import layers
from keras_dlnotes.interop.converted import recurrent_keys
from keras_dlnotes.interop.from_torch.conversion import Conversion, Free
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value


class Zeros:
    """A tensor of zeros of an open number of examples: what recurrent networks begin with."""


def zeros(conversion: Conversion, *_, **__) -> Zeros:
    return Zeros()


def recurrence(kind, states: int, **arguments):
    """(output, h) or (output, h, c), as `aten.lstm` and its like return them."""

    def convert(
        conversion, value, initial, tensors, biases, levels, dropout, _train, both, batch_first
    ) -> list[Value]:
        initial = initial if isinstance(initial, list | tuple) else [initial]
        if not all(isinstance(state, Zeros) for state in initial):
            raise UnsupportedError("a recurrent network that does not begin with zeros")
        directions = 2 if both else 1
        each = 4 if biases else 2
        if len(tensors) != each * levels * directions or not all(
            isinstance(tensor, Free) for tensor in tensors
        ):
            raise UnsupportedError("a recurrent network of other weights, as with proj_size")
        batch, time, features = value.axes if batch_first else (value.axes[n] for n in (1, 0, 2))
        tensor = value.arranged((batch, time, features)).tensor
        last: list[list[Any]] = [[] for _ in range(states)]
        path = tensors[0].path.rpartition(".")[0]
        for level in range(levels):
            if level and dropout:
                name = conversion.name(f"{path}.dropout{level}")
                tensor = keras.layers.Dropout(dropout, name=name)(tensor)
            own = tensors[level * each * directions : (level + 1) * each * directions]
            layer = _layer(conversion, kind, f"{path}.{level}", own, both, biases, arguments)
            tensor, *ends = layer(tensor)
            _place(conversion, layer, path, level, own)
            for number, end in enumerate(ends):
                last[number % states].append(end)
        (units,) = conversion.atoms([conversion.sizes()[-1]])
        axes = (batch, time, units) if batch_first else (time, batch, units)
        found = [Value(tensor, (batch, time, units), axes)]
        for ends in last:
            (width,) = conversion.atoms([ends[0].shape[-1]])
            values = [Value(end, (batch, width), (batch, width)) for end in ends]
            found.append(conversion.operations["stack"](conversion, values, 0))
        return found

    return convert


def _layer(conversion, kind, path, tensors, both, biases, arguments):
    settings = {"return_sequences": True, "return_state": True, "use_bias": biases, **arguments}
    layer = kind(tensors[1].tensor.shape[1], **settings, name=conversion.name(path))
    return layers.Bidirectional(layer, name=conversion.name(f"{path}.both")) if both else layer


def _place(conversion: Conversion, layer, path: str, level: int, tensors: list[Free]) -> None:
    """Loads a level's tensors, whose names PyTorch makes of the level and the direction."""
    arrays = {tensor.path: tensor.array for tensor in tensors}
    entry = {"layer": layer.name, "path": path, "level": level}
    for mapping, keys in recurrent_keys(layer, entry):
        values = mapping.weights({name: arrays[key] for name, key in keys.items()})
        for variable, value in zip(mapping.variables, values, strict=True):
            variable.assign(value)
    conversion.used.update(arrays)
    conversion.recurrent.append(entry)


OPERATIONS = {
    "zeros": zeros,
    "lstm": recurrence(layers.LSTM, 2),
    "gru": recurrence(layers.GRU, 1, reset_after=True),
    "rnn_tanh": recurrence(layers.SimpleRNN, 1),
    "rnn_relu": recurrence(layers.SimpleRNN, 1, activation="relu"),
}
