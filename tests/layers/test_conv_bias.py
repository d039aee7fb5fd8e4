"""The bias of a convolution is one number a filter, wherever the layout has the filters."""

import re

import keras
import numpy as np
import pytest

from keras_dlnotes import layers


@pytest.mark.parametrize(
    ("name", "kernel_size"),
    [
        ("Conv1D", 3),
        ("Conv2D", 3),
        ("Conv3D", 3),
        ("Conv1DTranspose", 2),
        ("Conv2DTranspose", 2),
        ("Conv3DTranspose", 2),
        ("SeparableConv1D", 3),
        ("SeparableConv2D", 3),
        ("DepthwiseConv1D", 3),
        ("DepthwiseConv2D", 3),
        ("SpatiallySeparableConv2D", 3),
    ],
)
@pytest.mark.parametrize("graph", [False, True])
def test_bias_belongs_to_the_filters_where_the_width_is_as_long(name, kernel_size, graph):
    rank = int(re.search(r"\d", name)[0])
    filters = () if name.startswith("Depthwise") else (4,)
    generator = np.random.default_rng(0)
    images = generator.normal(size=(2, *(4,) * rank, 4)).astype("float32")
    last, first = (
        getattr(layers, name)(*filters, kernel_size, padding="same", data_format=layout)
        for layout in ("channels_last", "channels_first")
    )
    last.build(images.shape)
    first.build(np.moveaxis(images, -1, 1).shape)
    weights = [generator.normal(size=weight.shape) for weight in last.get_weights()]
    last.set_weights(weights)
    first.set_weights(weights)
    call = keras.Sequential([first]).predict_on_batch if graph else first
    outputs = keras.ops.convert_to_numpy(call(np.moveaxis(images, -1, 1)))
    expected = keras.ops.convert_to_numpy(last(images))
    np.testing.assert_allclose(np.moveaxis(outputs, 1, -1), expected, rtol=1e-4, atol=1e-5)
