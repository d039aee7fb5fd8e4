"""A network of all families trains in half precision, with weights in single precision."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers


@pytest.mark.thorough
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_network_trains_with_weights_in_single_precision(policy):
    make = {"dtype": policy}
    model = keras.Sequential(
        [
            keras.Input((8, 6, 3)),
            layers.Conv2D(4, 3, padding=1, activation="relu", **make),
            layers.BatchNormalization(**make),
            layers.MaxPooling2D(2, **make),
            keras.layers.Reshape((4, 12), **make),
            layers.LSTM(4, **make),
            keras.layers.Dense(2, activation="softmax", dtype="float32"),
        ]
    )
    optimizer = keras.optimizers.Adam(0.01)
    if policy == "mixed_float16":  # whose small gradients would be 0
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    assert {layer.compute_dtype for layer in model.layers[:-1]} == {policy.removeprefix("mixed_")}
    assert {weight.dtype for weight in model.weights} == {"float32"}
    generator = np.random.default_rng(0)
    images = generator.normal(size=(6, 8, 6, 3)).astype("float32")
    before = model.get_weights()
    history = model.fit(images, np.arange(6) % 2, batch_size=6, epochs=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for weight, old, new in zip(model.weights, before, model.get_weights(), strict=True):
        assert new.dtype == np.float32 and np.isfinite(new).all()
        assert not np.array_equal(old, new), f"{weight.path} has not moved"
