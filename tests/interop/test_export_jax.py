"""SavedModels that JAX writes, run by TensorFlow, and the ONNX files that it does not write."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, models
from tests.backends import only_on
from tests.exporting import as_exported
from tests.interop.builders import CASES, assert_equal, worked

pytestmark = only_on("jax", reason="is about JAX's exporter")

# JAX has no gradient of a strided convolution of open sizes to write
CLOSED = CASES["resnet"]._replace(
    build=lambda: models.resnet((8, 9, 3), 3, filters=(2, 4), blocks=(1, 1)), lengths=(8,)
)
QUICK = {"convnet normalized", "resnet", "unet", "many to one, lstm both ways", "tagger, gru"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES],
)
def test_saved_models_give_the_outputs_of_the_model(name, tmp_path):
    tf = pytest.importorskip("tensorflow", reason="runs SavedModels")
    model, batches = worked(CLOSED if name == "resnet" else CASES[name])
    model.export(tmp_path / "model", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    for arrays, expected in batches:
        assert_equal(loaded.serve(arrays[0] if len(arrays) == 1 else arrays).numpy(), expected)


def test_that_plain_keras_has_no_strided_convolution_of_open_sizes_either(tmp_path):
    model = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3, strides=2, padding="same")]
    )
    with pytest.raises(ValueError, match="gradient"):
        model.export(tmp_path / "model", format="tf_saved_model", verbose=False)


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((8, 9, 3), layers.MaxPooling2D(2)),
        ((8, 9, 3), layers.Conv2DTranspose(2, 3, 2)),
        ((None, 3), layers.LSTM(4)),
    ],
    ids=["max pooling", "transposed convolutions", "recurrent layers"],
)
def test_what_an_onnx_file_would_lack_is_an_error(shape, layer, request):
    inputs = np.ones([2, *(5 if length is None else length for length in shape)], "float32")
    layer(inputs)
    name = request.node.callspec.id
    # the package that Keras's exporter needs does not have to be there
    with pytest.raises(ValueError, match=f"`format` must be another one for {name} on JAX"):
        as_exported(layer, "keras.src.export.onnx")(inputs)
