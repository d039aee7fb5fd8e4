"""Convolutions and pools of every geometry in ONNX and LiteRT files, of fixed and of open lengths.

A file holds one layer of a kind for each of its settings, and is run at lengths that it was not
written at.
"""

import importlib
import itertools
import re

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.backends import only_on

pytestmark = only_on("tensorflow", reason="is about the files that TensorFlow writes")

CHANNELS = 4
KINDS = {
    **{f"Conv{rank}D": (3,) for rank in (1, 2, 3)},
    **{f"Conv{rank}D groups=2": (4,) for rank in (1, 2, 3)},
    **{f"Conv{rank}D groups=4": (8,) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": (3,) for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": () for rank in (1, 2)},
    **{f"SeparableConv{rank}D": (3,) for rank in (1, 2)},
    **{f"{kind}Pooling{rank}D": () for kind in ("Max", "Average") for rank in (1, 2, 3)},
}
STEPS = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2)]  # strides and dilation
UNEVEN_STEPS = [((1, 2), 1), (1, (1, 2)), ((2, 1), (1, 2)), (2, (2, 1))]
LENGTHS = [(11, 10, 9), (12, 11, 8), (7, 13, 9)]


def settings(name):
    """Arguments of the layers of a kind."""
    rank, is_pool = int(re.search(r"\d", name)[0]), "Pooling" in name
    uneven = ((1, 0), (0, 1), (2, 1))[:rank]
    paddings = ["valid", "same", 1, uneven]
    if rank == 1 and not is_pool and "Transpose" not in name:
        paddings.append("causal")
    steps = [*STEPS, *(UNEVEN_STEPS if rank == 2 else [])]
    for (strides, dilation), padding, size in itertools.product(steps, paddings, (3, 2)):
        if size == 2 and padding != "same":
            continue
        arguments = {"strides": strides, "padding": padding}
        if not is_pool:
            yield {**arguments, "kernel_size": size, "dilation_rate": dilation}
        elif dilation == 1:
            yield {**arguments, "pool_size": size}
    if is_pool and rank == 2:  # more taps than are taken at once
        yield {"pool_size": 6, "strides": 2, "padding": "same"}
        yield {"pool_size": 6, "strides": 1, "padding": 2}
    if "Transpose" in name:
        yield {"kernel_size": 3, "strides": 2, "padding": 1, "output_padding": 1}
        yield {"kernel_size": 3, "strides": 3, "padding": 0, "dilation_rate": 2}


def model_of(name, lengths, chosen):
    """A model that puts out what a layer of each setting makes of its input."""
    kind, _, groups = name.partition(" groups=")
    more = {"groups": int(groups)} if groups else {}
    if kind.startswith("Depthwise"):
        more["depth_multiplier"] = 2
    inputs = keras.Input((*lengths, CHANNELS))
    outputs = [
        getattr(layers, kind)(*KINDS[name], **arguments, **more)(inputs) for arguments in chosen
    ]
    model = keras.Model(inputs, outputs)
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(size=weight.shape) for weight in model.weights])
    return model


def run_onnx(path, x):
    session = importlib.import_module("onnxruntime").InferenceSession(path)
    return session.run(None, {session.get_inputs()[0].name: x})


def run_litert(path, x):
    import tensorflow as tf

    runner = tf.lite.Interpreter(str(path)).get_signature_runner()
    (name,) = runner.get_input_details()
    outputs = runner(**{name: x})
    return [outputs[f"output_{number}"] for number in range(len(outputs))]


RUNTIMES = {"onnx": ("model.onnx", run_onnx), "litert": ("model.tflite", run_litert)}
# The settings that once left wrongly, as a sample of a few.
SAMPLE = [
    {"strides": 1, "padding": "valid", "dilation_rate": 2},
    {"strides": 2, "padding": "same", "dilation_rate": 2},
]
QUICK = [
    ("onnx", "DepthwiseConv2D", SAMPLE),
    ("onnx", "Conv1D groups=4", SAMPLE),
    ("litert", "Conv2D groups=2", SAMPLE),
    ("litert", "Conv2DTranspose", SAMPLE),
    ("litert", "Conv3D", SAMPLE),
    ("litert", "Conv3DTranspose", SAMPLE[1:]),
    ("litert", "MaxPooling3D", [{"pool_size": 3, "strides": 2, "padding": "same"}]),
]


def check(name, kind, is_open, chosen, folder):
    if kind == "onnx":
        pytest.importorskip("tf2onnx", reason="writes ONNX")
        pytest.importorskip("onnxruntime", reason="runs ONNX")
    rank = int(re.search(r"\d", name)[0])
    model = model_of(name, (None,) * rank if is_open else LENGTHS[0][:rank], chosen)
    file, run = RUNTIMES[kind]
    path = folder / file
    model(np.zeros((1, *LENGTHS[0][:rank], CHANNELS), "float32"))
    model.export(path, format=kind, verbose=False)
    assert re.findall(rb"Flex\w+", path.read_bytes()) == [], "operations that LiteRT lacks"
    generator = np.random.default_rng(1)
    for lengths, batch in itertools.product(LENGTHS if is_open else LENGTHS[:1], (1, 2)):
        x = generator.normal(size=(batch, *lengths[:rank], CHANNELS)).astype("float32")
        pairs = zip(chosen, keras.tree.flatten(model(x)), run(path, x), strict=True)
        for arguments, expected, found in pairs:
            message = f"{name}({arguments}) of lengths {lengths[:rank]}"
            assert found.shape == tuple(expected.shape), message
            scale = float(np.abs(expected).max())
            np.testing.assert_allclose(found, expected, atol=1e-5 * scale, err_msg=message)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("kind", "name", "sample"), QUICK, ids=lambda value: str(value)[:20])
def test_a_sample(kind, name, sample, tmp_path):
    size = {} if "Pooling" in name else {"kernel_size": 3}
    check(name, kind, True, [{**size, **arguments} for arguments in sample], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("is_open", [False, True], ids=["fixed", "open"])
@pytest.mark.parametrize("kind", RUNTIMES)
@pytest.mark.parametrize("name", KINDS)
def test_every_geometry(name, kind, is_open, tmp_path):
    check(name, kind, is_open, list(settings(name)), tmp_path)
