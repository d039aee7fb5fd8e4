"""Batch normalization: train step and inference, against keras.layers and PyTorch."""

import functools

import numpy as np
from timing import (
    copy,
    import_torch,
    interleave,
    main,
    row,
    tensorflow_forward,
    tensorflow_step,
    torch_step,
)

SHAPES = [(32, 56, 56, 64), (4096, 512)]


def measure(repeats: int) -> list[dict]:
    """Measures every shape."""
    import keras

    from keras_dlnotes import layers

    torch = import_torch()
    rows = []
    for shape in SHAPES:
        inputs = np.random.default_rng(0).normal(size=shape).astype("float32")
        rivals = {"ours": layers.BatchNormalization(), "keras": keras.layers.BatchNormalization()}
        for layer in rivals.values():
            layer.build(shape)
        steps = {
            name: tensorflow_step(
                functools.partial(layer, training=True), inputs, layer.trainable_variables
            )
            for name, layer in rivals.items()
        }
        if torch is not None:
            kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
            steps["torch"] = torch_step(kind(shape[-1]), inputs)
            if len(shape) > 2:
                module = kind(shape[-1])
                steps["torch channels last"] = torch_step(module, inputs, channels_last=True)
        forward = {name: tensorflow_forward(layer, inputs) for name, layer in rivals.items()}
        forward["copy"] = copy(inputs)
        name = "BatchNormalization " + "×".join(map(str, shape))
        rows.append(row(name, interleave(steps, repeats), interleave(forward, repeats), 1.0))
    return rows


if __name__ == "__main__":
    main(__doc__, measure)
