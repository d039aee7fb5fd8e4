"""What two networks cost and see, one of normal and one of depthwise-separable convolutions.

The separable one makes 1/N + 1/D_k² of the multiplications, layer by layer, and sees as much.
"""

import keras

from keras_dlnotes import reports


def network(convolution):
    return keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            convolution(32, 3, padding="same", activation="relu", name="first"),
            keras.layers.MaxPooling2D(name="pool"),
            convolution(64, 3, padding="same", activation="relu", name="second"),
        ]
    )


normal = reports.summarize(network(keras.layers.Conv2D))
separable = reports.summarize(network(keras.layers.SeparableConv2D))

print(f"{'layer':8}{'normal':>12}{'separable':>12}{'ratio':>8}   sees")
for row, other in zip(normal.rows, separable.rows, strict=True):
    ratio = other.multiplications / row.multiplications if row.multiplications else 1
    sees = " × ".join(map(str, row.receptive_field))
    print(f"{row.name:8}{row.multiplications:12,}{other.multiplications:12,}{ratio:8.3f}   {sees}")
    assert row.receptive_field == other.receptive_field
