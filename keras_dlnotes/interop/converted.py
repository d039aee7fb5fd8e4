"""What a converted model keeps in its file: free tensors, and which of PyTorch's tensors are where.

Nothing here needs PyTorch.
"""

import math
from typing import Any

import keras
import numpy as np

from keras_dlnotes.interop.modules import Module
from keras_dlnotes.interop.recurrent import recurrent_mappings
from keras_dlnotes.interop.weight_groups import WeightGroup
from keras_dlnotes.interop.weight_mapping import WeightMapping, single


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class FreeTensor(keras.layers.Layer):
    """A tensor of a PyTorch module that belongs to no layer, such as a position embedding.

    Args:
        shape: of the tensor, which is the layer's output, whatever it is called on.
        values_dtype: the tensor's type; the dtype policy leaves integers and booleans as they are.

    It is a weight, trainable unless the layer is not.
    """

    def __init__(self, shape, values_dtype="float32", **kwargs):
        super().__init__(**kwargs)
        self.shape, self.values_dtype = tuple(shape), values_dtype

    def build(self, input_shape):
        floating = self.values_dtype.startswith(("float", "bfloat"))
        self.values = self.add_weight(
            name="values",
            shape=self.shape,
            dtype=None if floating else self.values_dtype,
            initializer="zeros",
            autocast=floating,
            trainable=floating and self.trainable,
        )

    def call(self, inputs):
        return keras.ops.convert_to_tensor(self.values)

    def compute_output_spec(self, inputs):
        floating = self.values_dtype.startswith(("float", "bfloat"))
        dtype = self.compute_dtype if floating else self.values_dtype
        return keras.KerasTensor(self.shape, dtype=dtype)

    def compute_output_shape(self, input_shape):
        return self.shape

    def get_config(self):
        own = {"shape": list(self.shape), "values_dtype": self.values_dtype}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class ConvertedModel(keras.Model):
    """A functional model that knows PyTorch's names and layouts; see `from_torch`.

    Of its `torch_record`, `tensors` lists a dict for each of its weights that PyTorch has: the
    `names` in the state dict, several for tied weights; the `layer` and the number of the `weight`
    in it; and how to lay it out, which is to reshape PyTorch's tensor to `split`, transpose it by
    `axes`, and reshape it to the weight's shape. `outputs` does the same for what the layers
    return, by their names, each with the `path` of PyTorch's module; the model's own are called
    "output 0" and so on. `inputs` are the orders in which the model takes PyTorch's axes; `keys`
    are those of a dict of outputs, in PyTorch's order; `recurrent` lists the `layer`, the `path`
    and the `level` of each level of a recurrent module.
    """

    torch_record: dict[str, Any] = {}  # noqa: RUF012

    def get_config(self):
        return {**super().get_config(), "torch_record": self.torch_record}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        record = config.pop("torch_record")
        model = super().from_config(config, custom_objects)
        model.torch_record = record
        return model


def outputs_of(model: ConvertedModel, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Returns what the model computes at inference, in PyTorch's order and layout."""
    record = model.torch_record
    operands = [np.transpose(a, order) for a, order in zip(arrays, record["inputs"], strict=True)]
    found = model(operands if len(operands) > 1 else operands[0], training=False)
    if record["keys"]:
        found = [found[key] for key in record["keys"]]
    found = found if isinstance(found, list | tuple) else [found]
    return [
        from_stored(keras.ops.convert_to_numpy(output), record["outputs"][f"output {number}"])
        for number, output in enumerate(found)
    ]


def recorded_pairs(model: ConvertedModel) -> list[tuple[WeightGroup, Module]]:
    """Returns a group for each of the weights that PyTorch has, and the module it belongs to."""
    pairs = []
    for number, entry in enumerate(model.torch_record["tensors"]):
        layer = model.get_layer(entry["layer"])
        variable, shape = layer.weights[entry["weight"]], tuple(entry["shape"])
        for name in entry["names"]:
            mapping = single(
                name,
                variable,
                shape,
                lambda value, entry=entry: from_stored(value, entry),
                lambda tensor, entry=entry, like=variable: to_stored(tensor, entry, like.shape),
            )
            group = WeightGroup(layer.name, layer, number, (mapping,))
            pairs.append((group, Module(name, None, {name: name}, {name: shape})))
    for entry in model.torch_record["recurrent"]:
        layer = model.get_layer(entry["layer"])
        found = recurrent_keys(layer, entry)
        group = WeightGroup(layer.name, layer, 0, tuple(mapping for mapping, _ in found))
        names = {name: key for _, keys in found for name, key in keys.items()}
        pairs.append((group, Module(entry["path"], str(entry["level"]), names, group.shapes)))
    return pairs


def recurrent_keys(layer, entry) -> list[tuple[WeightMapping, dict[str, str]]]:
    """A recurrent level's mappings, each with PyTorch's full names of its tensors."""
    found = []
    for mapping in recurrent_mappings(layer, layer.name):
        keys = {}
        for name in mapping.shapes:
            own, reverse, _ = name.partition("_reverse")
            key = f"{own}_l{entry['level']}{reverse}"
            keys[name] = f"{entry['path']}.{key}" if entry["path"] else key
        found.append((mapping, keys))
    return found


def to_stored(tensor: np.ndarray, entry, shape) -> np.ndarray:
    """PyTorch's tensor in the layout of a weight."""
    return np.reshape(np.transpose(np.reshape(tensor, entry["split"]), entry["axes"]), shape)


def from_stored(value: np.ndarray, entry) -> np.ndarray:
    """A weight, or a layer's output, in PyTorch's layout; lengths of −1 in `split` are open."""
    order, lengths = np.argsort(entry["axes"]), [entry["split"][axis] for axis in entry["axes"]]
    shape = entry["shape"]
    if lengths.count(-1) > 1:  # then each of the lengths is a dimension and an axis
        dims = iter(value.shape)
        lengths = [next(dim for dim in dims if length in (-1, dim)) for length in lengths]
        rest = iter(lengths[n] for n in order)
        shape = [1 if length == 1 else next(rest) for length in shape]
    elif -1 in lengths:
        lengths[lengths.index(-1)] = value.size // max(-math.prod(lengths), 1)
    return np.reshape(np.transpose(np.reshape(value, lengths), order), shape)
