"""KerasTuner's guide "Distributed hyperparameter tuning"."""

import contextlib

import keras
import numpy as np
import pytest

from keras_dlnotes import tuning

CONVOLUTIONS = {"padding": "same", "activation": "relu"}


def build(hp):
    inputs = keras.Input((8, 8, 1))
    x = inputs
    for number in range(hp.Int("conv_layers", 1, 2, default=2)):
        filters = hp.Int(f"filters_{number}", 4, 8, step=4, default=4)
        x = keras.layers.Conv2D(filters, hp.Int(f"kernel_{number}", 2, 3), **CONVOLUTIONS)(x)
        kind = hp.Choice(f"pooling_{number}", ["max", "avg"])
        pool = keras.layers.MaxPooling2D if kind == "max" else keras.layers.AveragePooling2D
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(pool(2)(x)))
    outputs = keras.layers.Dense(10, "softmax")(keras.layers.GlobalMaxPooling2D()(x))
    model = keras.Model(inputs, outputs)
    optimizer = hp.Choice("optimizer", ["adam", "sgd"])
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model


def build_on_all_devices(hp):
    scope = contextlib.nullcontext()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        scope = tf.distribute.MirroredStrategy().scope()
    with scope:
        return build(hp)


@pytest.fixture(scope="module")
def data(images):
    training, validation = ((inputs, np.argmax(targets, 1)) for inputs, targets in images)
    return {"training": training, "validation": validation}


@pytest.mark.thorough
@pytest.mark.parametrize("function", [build, build_on_all_devices])
def test_the_guide_in_one_process(function, search, data):
    results = search(
        function,
        "hyperband",
        max_trials=None,
        epochs=2,
        tuner_arguments={"factor": 3, "hyperband_iterations": 1},
        objective="val_accuracy",
        steps_per_epoch=3,
        validation_steps=1,
        callbacks=[keras.callbacks.EarlyStopping("val_accuracy")],
        **data,
    )
    assert len(results.to_frame()) >= 2
    assert results.best_model().count_params() > 0


@pytest.mark.slow
def test_the_guide_with_two_workers(data, tmp_path):
    results = tuning.search(
        build,
        "random",
        max_trials=3,
        workers=2,
        epochs=2,
        objective="val_accuracy",
        steps_per_epoch=3,
        callbacks=[keras.callbacks.EarlyStopping("val_accuracy")],
        directory=tmp_path / "mnist",
        **data,
    )
    frame = results.to_frame()
    assert set(frame["status"]) == {"COMPLETED"} and frame["trial"].nunique() == 3
