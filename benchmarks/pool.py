"""Pooling: train step and forward pass, against keras.layers and PyTorch."""

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

SHAPE = (32, 56, 56, 64)
WINDOWS = [(2, 2, 0), (3, 2, 1), (3, 1, 1)]  # size, stride, padding


def _rivals(kind: str, size: int, stride: int, padding: int) -> dict:
    """Ours, Keras's nearest equivalent (padded first where necessary) and PyTorch's."""
    import keras

    from keras_dlnotes import layers

    arguments = {"pool_size": size, "strides": stride}
    ours = getattr(layers, f"{kind}Pooling2D")(padding=padding, **arguments)
    theirs = getattr(keras.layers, f"{kind}Pooling2D")(**arguments)
    if padding:
        theirs = keras.Sequential([keras.layers.ZeroPadding2D(padding), theirs])
    return {"ours": ours, "keras": theirs}


def measure(repeats: int) -> list[dict]:
    """Measures every window of both kinds."""
    torch = import_torch()
    inputs = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    rows = []
    for kind in ("Max", "Average"):
        for size, stride, padding in WINDOWS:
            layers = _rivals(kind, size, stride, padding)
            steps = {name: tensorflow_step(layer, inputs) for name, layer in layers.items()}
            if torch is not None:
                pool = {"Max": torch.nn.MaxPool2d, "Average": torch.nn.AvgPool2d}[kind]
                module = pool(size, stride, padding)
                steps["torch"] = torch_step(module, inputs)
                steps["torch channels last"] = torch_step(module, inputs, channels_last=True)
            forward = {name: tensorflow_forward(layer, inputs) for name, layer in layers.items()}
            forward["copy"] = copy(inputs)
            moved = (1 + np.prod(layers["ours"].compute_output_shape(SHAPE)) / inputs.size) / 2
            name = f"{kind}Pooling2D {size}×{size}/{stride} p={padding}"
            times = interleave(steps, repeats), interleave(forward, repeats)
            rows.append(row(name, *times, float(moved)))
    return rows


if __name__ == "__main__":
    main(__doc__, measure)
