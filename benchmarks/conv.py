"""Convolution: train step and inference, against Keras's nearest equivalent and PyTorch."""

import numpy as np
from timing import (
    import_torch,
    interleave,
    main,
    row,
    tensorflow_forward,
    tensorflow_step,
    torch_step,
)

IMAGE = (32, 56, 56, 64)


def _cases(torch):
    """(name, input shape, ours, Keras's, PyTorch's), with new layers for each case."""
    import keras

    from keras_dlnotes import layers

    def padded(padding, layer):
        return keras.Sequential([keras.layers.ZeroPadding2D(padding), layer])

    def cropped(layer, crop):
        return keras.Sequential([layer, keras.layers.Cropping2D(crop)])

    nn = torch.nn if torch else None
    for stride in (1, 2):
        yield (
            f"Conv2D 3×3/{stride} p=1, 64 → 64",
            IMAGE,
            layers.Conv2D(64, 3, stride, padding=1),
            padded(1, keras.layers.Conv2D(64, 3, stride)),
            nn and nn.Conv2d(64, 64, 3, stride, 1),
        )
    yield (
        "Conv2D 3×3/1 same, 64 → 64",
        IMAGE,
        layers.Conv2D(64, 3, padding="same"),
        keras.layers.Conv2D(64, 3, padding="same"),
        nn and nn.Conv2d(64, 64, 3, 1, 1),
    )
    for stride in (1, 2):
        yield (
            f"DepthwiseConv2D 3×3/{stride} p=1, 64",
            IMAGE,
            layers.DepthwiseConv2D(3, stride, padding=1),
            padded(1, keras.layers.DepthwiseConv2D(3, stride)),
            nn and nn.Conv2d(64, 64, 3, stride, 1, groups=64),
        )
    yield (
        "DepthwiseConv2D 3×3/1 same, 64",
        IMAGE,
        layers.DepthwiseConv2D(3, padding="same"),
        keras.layers.DepthwiseConv2D(3, padding="same"),
        nn and nn.Conv2d(64, 64, 3, 1, 1, groups=64),
    )
    yield (
        "DepthwiseConv2D 3×3 d=2 p=2, 64",
        IMAGE,
        layers.DepthwiseConv2D(3, padding=2, dilation_rate=2),
        padded(2, keras.layers.DepthwiseConv2D(3, dilation_rate=2)),
        nn and nn.Conv2d(64, 64, 3, 1, 2, 2, groups=64),
    )
    yield (
        "SeparableConv2D 3×3/1 p=1, 64 → 64",
        IMAGE,
        layers.SeparableConv2D(64, 3, padding=1),
        padded(1, keras.layers.SeparableConv2D(64, 3)),
        nn
        and nn.Sequential(nn.Conv2d(64, 64, 3, 1, 1, groups=64, bias=False), nn.Conv2d(64, 64, 1)),
    )
    yield (
        "SpatiallySeparableConv2D 5×5/1 p=2, 64 → 64",
        IMAGE,
        layers.SpatiallySeparableConv2D(64, 5, padding=2),
        keras.Sequential(
            [
                keras.layers.Conv2D(64, (5, 1), padding="same", use_bias=False),
                keras.layers.Conv2D(64, (1, 5), padding="same"),
            ]
        ),
        nn
        and nn.Sequential(
            nn.Conv2d(64, 64, (5, 1), 1, (2, 0), bias=False), nn.Conv2d(64, 64, (1, 5), 1, (0, 2))
        ),
    )
    small = (16, 28, 28, 128)
    yield (
        "Conv2DTranspose 2×2/2, 128 → 64",
        small,
        layers.Conv2DTranspose(64, 2, 2),
        keras.layers.Conv2DTranspose(64, 2, 2),
        nn and nn.ConvTranspose2d(128, 64, 2, 2),
    )
    yield (
        "Conv2DTranspose 4×4/2 p=1, 128 → 64",
        small,
        layers.Conv2DTranspose(64, 4, 2, padding=1),
        cropped(keras.layers.Conv2DTranspose(64, 4, 2), 1),
        nn and nn.ConvTranspose2d(128, 64, 4, 2, 1),
    )
    yield (
        "Conv2DTranspose 3×3/2 same, 128 → 64",
        small,
        layers.Conv2DTranspose(64, 3, 2, padding="same"),
        keras.layers.Conv2DTranspose(64, 3, 2, padding="same"),
        nn and nn.ConvTranspose2d(128, 64, 3, 2, 1, 1),
    )
    yield (
        "Conv1D 5/1 p=2, 64 → 64, 32×1024",
        (32, 1024, 64),
        layers.Conv1D(64, 5, padding=2),
        keras.Sequential([keras.layers.ZeroPadding1D(2), keras.layers.Conv1D(64, 5)]),
        nn and nn.Conv1d(64, 64, 5, 1, 2),
    )


def measure(repeats: int) -> list[dict]:
    """Measures every case."""
    torch = import_torch()
    rows = []
    for name, shape, ours, theirs, module in _cases(torch):
        inputs = np.random.default_rng(0).normal(size=shape).astype("float32")
        rivals = {"ours": ours, "keras": theirs}
        for layer in rivals.values():
            layer.build(shape)
        steps = {
            rival: tensorflow_step(layer, inputs, layer.trainable_variables)
            for rival, layer in rivals.items()
        }
        if torch is not None:
            steps["torch"] = torch_step(module, inputs)
            if len(shape) == 4:
                module = module.to(memory_format=torch.channels_last)
                steps["torch channels last"] = torch_step(module, inputs, channels_last=True)
        forward = {rival: tensorflow_forward(layer, inputs) for rival, layer in rivals.items()}
        rows.append(row(name, interleave(steps, repeats), interleave(forward, repeats)))
    return rows


if __name__ == "__main__":
    main(__doc__, measure)
