"""Eight-bit models with convolutions: as Keras offers them, and as LiteRT does."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.interop.builders import set_random_weights

IMAGES = np.random.default_rng(0).normal(size=(32, 8, 8, 2)).astype("float32")


@pytest.fixture
def model():
    inputs = keras.Input((8, 8, 2))
    outputs = layers.Conv2D(8, 3, padding=1, activation="relu")(inputs)
    outputs = layers.MaxPooling2D(3, strides=2, padding=1)(outputs)
    branch = [layers.SeparableConv2D(8, 3, padding=1), layers.BatchNormalization()]
    outputs = layers.Residual(branch, activation="relu")(outputs)
    outputs = layers.AveragePooling2D(3, strides=2, padding=1)(outputs)
    outputs = keras.layers.Dense(5, "softmax")(keras.layers.Flatten()(outputs))
    model = keras.Model(inputs, outputs)
    set_random_weights(model)
    return model


def predict(model):
    return keras.ops.convert_to_numpy(model(IMAGES, training=False))


@pytest.mark.thorough
def test_keras_quantizes_the_dense_layers_and_leaves_the_convolutions(model, tmp_path):
    expected = predict(model)
    model.quantize("int8")
    policies = {type(layer).__name__: layer.dtype_policy.name for layer in model.layers}
    assert policies["Dense"] == "int8_from_float32"
    assert policies["Conv2D"] == "float32"
    found = predict(model)
    assert 0 < np.abs(found - expected).max() < 0.03
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(keras.saving.load_model(tmp_path / "model.keras")), found)


@pytest.mark.thorough
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow writes LiteRT")
def test_litert_calculates_in_integers_alone(model, tmp_path):
    import tensorflow as tf

    expected = predict(model)
    model.export(
        tmp_path / "model.tflite",
        format="litert",
        verbose=False,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([image[None]] for image in IMAGES),
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        inference_input_type=tf.int8,
        inference_output_type=tf.int8,
    )
    interpreter = tf.lite.Interpreter(str(tmp_path / "model.tflite"))
    types = {np.dtype(entry["dtype"]).name for entry in interpreter.get_tensor_details()}
    assert types <= {"int8", "int32", "int64"}, types
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = entry["quantization"]
    found = []
    for image in IMAGES:
        interpreter.allocate_tensors()
        rounded = np.clip(np.round(image[None] / scale) + zero, -128, 127)
        interpreter.set_tensor(entry["index"], rounded.astype("int8"))
        interpreter.invoke()
        found.append(interpreter.get_tensor(result["index"])[0])
    scale, zero = result["quantization"]
    found = (np.stack(found).astype("float32") - zero) * scale
    assert np.abs(found - expected).max() < 0.08
