"""U-Net against the paper's sizes and a literal forward pass in PyTorch."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_dlnotes.models import unet
from keras_dlnotes.models.unet import CropToSize


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_paper_gives_388_pixels_for_572():
    model = unet((572, 572, 1), filters=2, padding=0)
    assert model.output_shape == (None, 388, 388, 2)
    # the sizes in figure 1 of the paper, before each pooling and after each joining
    sizes = {
        layer.name: layer.output.shape[1]
        for layer in model.layers
        if layer.name.endswith(("down1_relu2", "down4_relu2", "bottom_relu2", "_concat"))
    }
    expected = {"down1_relu2": 568, "down4_relu2": 64, "bottom_relu2": 28}
    expected |= {"up4_concat": 56, "up3_concat": 104, "up2_concat": 200, "up1_concat": 392}
    assert sizes == expected


def test_number_of_weights_is_the_papers():
    weights = 0
    channels = 1
    for level in range(5):  # down, and at the bottom
        filters = 64 * 2**level
        weights += 9 * channels * filters + filters + 9 * filters * filters + filters
        channels = filters
    for level in range(4):  # up
        filters = 64 * 2**level
        weights += 4 * 2 * filters * filters + filters
        weights += 9 * 2 * filters * filters + filters + 9 * filters * filters + filters
    weights += 64 * 2 + 2
    assert unet().count_params() == weights == 31_030_658


@pytest.mark.sampled(4)
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (1, 1), (2, 19), (5, 64)])
def test_same_padding_gives_any_size_back(size):
    model = unet((None, None, 2), classes=3, filters=2, depth=3)
    assert model.output_shape == (None, None, None, 3)
    probabilities = model.predict(images(2, *size, 2), verbose=0)
    assert probabilities.shape == (2, *size, 3)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)
    assert unet((*size, 2), filters=2, depth=3).output_shape == (None, *size, 2)


@pytest.mark.parametrize(
    ("padding", "size"), [("same", (16, 16)), ("same", (13, 22)), (0, (44, 60))]
)
def test_computes_what_pytorch_computes(padding, size):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    model = unet((None, None, 2), classes=3, filters=2, depth=2, padding=padding)
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(0, 0.3, w.shape) for w in model.get_weights()])
    weights = {w.path: torch.tensor(w.numpy()) for w in model.weights}
    pads = 1 if padding == "same" else 0

    def twice(x, name):
        for layer in (f"{name}_conv1", f"{name}_conv2"):
            kernel = weights[f"{layer}/kernel"].permute(3, 2, 0, 1)
            x = functional.conv2d(x, kernel, weights[f"{layer}/bias"], padding=pads).relu()
        return x

    def joined(x, skip, name):
        kernel = weights[f"{name}_conv0/kernel"].permute(3, 2, 0, 1)
        x = functional.conv_transpose2d(x, kernel, weights[f"{name}_conv0/bias"], stride=2)
        if padding == "same":
            x = x[:, :, : skip.shape[2], : skip.shape[3]]
        else:
            top, left = ((skip.shape[axis] - x.shape[axis]) // 2 for axis in (2, 3))
            skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        return torch.cat([skip, x], dim=1)

    batch = images(2, *size, 2)
    first = twice(torch.tensor(batch).permute(0, 3, 1, 2), "down1")
    second = twice(functional.max_pool2d(first, 2, ceil_mode=True), "down2")
    x = twice(functional.max_pool2d(second, 2, ceil_mode=True), "bottom")
    x = twice(joined(x, second, "up2"), "up2")
    x = twice(joined(x, first, "up1"), "up1")
    kernel = weights["classes/kernel"].permute(3, 2, 0, 1)
    x = functional.conv2d(x, kernel, weights["classes/bias"]).softmax(dim=1)
    found = keras.ops.convert_to_numpy(model(batch))
    np.testing.assert_allclose(found, x.permute(0, 2, 3, 1), rtol=1e-3, atol=1e-6)


def test_unpadded_output_sees_only_its_own_surroundings():
    """Tiles may be predicted apart: a pixel's class does not depend on where the tile ends."""
    model = unet((None, None, 1), filters=2, depth=2, padding=0)
    batch = images(1, 52, 52, 1)
    whole, part = (model.predict(b, verbose=0) for b in (batch, batch[:, :44, 8:]))
    np.testing.assert_allclose(part, whole[:, : part.shape[1], 8:], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((570, 572), r"such as 556 or 572.*Stage 2 would pool 279 pixels, an odd number"),
        ((572, 100), r"such as 188 or more.*Stage 4 would pool 5 pixels"),
        ((156, 572), r"such as 188 or more.*Stage 6 gets 4 pixels, and its two 3×3 convolutions"),
        ((3, 572), r"Stage 1 gets 3 pixels"),
    ],
)
def test_unpadded_sizes_that_do_not_fit(size, message):
    with pytest.raises(ValueError, match=f"Argument `input_shape` must be .*{message}"):
        unet((*size, 1), filters=2, padding=0)


def test_smallest_unpadded_size():
    assert unet((188, 188, 1), filters=1, padding=0).output_shape == (None, 4, 4, 2)


def test_options():
    model = unet((8, 8, 1), filters=2, depth=1, batch_norm=True, dropout=0.5)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("BatchNormalization") == 6
    assert kinds.count("Dropout") == 2
    rescaling = keras.layers.Rescaling(2.0)
    assert unet(filters=1, depth=1, preprocessing=[rescaling]).layers[1] is rescaling
    logits = unet(filters=1, depth=1, classes=1, classifier_activation=None)
    assert logits(images(1, 4, 4, 1)).shape == (1, 4, 4, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_shape", (8, 8)),
        ("input_shape", (8, 8, None)),
        ("classes", 0),
        ("filters", 0),
        ("depth", 0),
        ("padding", "valid"),
        ("padding", 1),
        ("dropout", 1.0),
    ],
)
def test_names_the_bad_argument(name, value):
    with pytest.raises(ValueError, match=f"Argument `{name}`"):
        unet(**{name: value})


def test_crop_to_size_keeps_the_beginning():
    tensor = images(1, 4, 5, 2)
    cropped = CropToSize()([tensor, np.zeros((1, 3, 4, 7))])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(cropped), tensor[:, :3, :4])


@pytest.mark.thorough
def test_saved_model_works_where_only_the_package_is_imported(tmp_path):
    model = unet(filters=2, depth=2)
    batch = images(1, 7, 10, 1)
    expected = model.predict(batch, verbose=0)
    model.save(tmp_path / "unet.keras")
    np.save(tmp_path / "batch.npy", batch)
    program = (
        "import sys, keras, numpy, keras_dlnotes;"
        "model = keras.models.load_model(sys.argv[1] + '/unet.keras');"
        "batch = numpy.load(sys.argv[1] + '/batch.npy');"
        "numpy.save(sys.argv[1] + '/out.npy', model.predict(batch, verbose=0))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-5)
