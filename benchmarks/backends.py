"""The train step of a few layers on each backend, against keras.layers on the same backend."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from timing import THREADS, interleave, main, use_two_cores

BACKENDS = {"TensorFlow": "tensorflow", "JAX": "jax", "PyTorch": "torch"}
IMAGES, SEQUENCES = (32, 28, 28, 64), (32, 100, 64)
LAYERS = {
    "Conv2D 3×3, 64 → 64": ("Conv2D", IMAGES, {"filters": 64, "kernel_size": 3, "padding": "same"}),
    "MaxPooling2D 3×3 / 2": ("MaxPooling2D", IMAGES, {"pool_size": 3, "strides": 2}),
    "BatchNormalization": ("BatchNormalization", IMAGES, {}),
    "LSTM(128)": ("LSTM", SEQUENCES, {"units": 128}),
    "GRU(128)": ("GRU", SEQUENCES, {"units": 128, "reset_after": False}),
}


def measure(repeats: int) -> list[dict]:
    """Measures each backend in its own process."""
    rows = [{"layer": f"{name}, {'×'.join(map(str, LAYERS[name][1]))}"} for name in LAYERS]
    for title, backend in BACKENDS.items():
        if find_spec(backend) is None:
            continue
        result = subprocess.run(
            [sys.executable, __file__, "--here", str(repeats)],
            env={**os.environ, "KERAS_BACKEND": backend},
            stdout=subprocess.PIPE,
            check=True,
        )
        for row, times in zip(rows, json.loads(result.stdout), strict=True):
            row[f"{title} ms"] = times["ours"]
            row[f"{title}: keras / ours"] = times["keras"] / times["ours"]
    return rows


def measure_here(repeats: int) -> list[dict[str, float]]:
    """The times of our layer and of Keras's, on this process's backend."""
    import keras

    from keras_dlnotes import layers

    step = {"tensorflow": _on_tensorflow, "jax": _on_jax, "torch": _on_torch}
    make_step = step[keras.backend.backend()]
    times = []
    for name, shape, arguments in LAYERS.values():
        inputs = np.random.default_rng(0).normal(size=shape).astype("float32")
        rivals = {}
        for rival, module in (("ours", layers), ("keras", keras.layers)):
            layer = getattr(module, name)(**arguments)
            layer.build(shape)
            upstream = np.ones(layer.compute_output_shape(shape), "float32")
            more = {} if "Conv" in name or "Pool" in name else {"training": True}
            rivals[rival] = make_step(layer, inputs, upstream, more)
        times.append(interleave(rivals, repeats))
    return times


def _on_tensorflow(layer, inputs, upstream, more):
    import tensorflow as tf

    weights = layer.trainable_variables

    @tf.function(autograph=False)
    def step(inputs, upstream):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, **more)
        variables = [weight.value for weight in weights]
        return outputs, tape.gradient(outputs, [inputs, *variables], upstream)

    arguments = tf.constant(inputs), tf.constant(upstream)
    return lambda: step(*arguments)


def _on_jax(layer, inputs, upstream, more):
    import jax

    weights, rest = (
        [variable.value for variable in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    )

    @jax.jit
    def step(weights, inputs, upstream):
        def function(weights, inputs):
            return layer.stateless_call(weights, rest, inputs, **more)[0]

        outputs, pull_back = jax.vjp(function, weights, inputs)
        return outputs, pull_back(upstream)

    arguments = weights, jax.numpy.asarray(inputs), jax.numpy.asarray(upstream)
    return lambda: jax.block_until_ready(step(*arguments))


def _on_torch(layer, inputs, upstream, more):
    import torch

    inputs = torch.tensor(inputs, requires_grad=True)
    upstream = torch.tensor(upstream)
    variables = [inputs, *(weight.value for weight in layer.trainable_variables)]
    return lambda: torch.autograd.grad(layer(inputs, **more), variables, upstream)


def _measure_in_this_process() -> None:
    use_two_cores()
    backend = os.environ["KERAS_BACKEND"]
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    elif backend == "torch":
        import torch

        torch.set_num_threads(THREADS)
    sys.path.insert(0, str(Path(__file__).parents[1]))
    print(json.dumps(measure_here(int(sys.argv[2]))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        _measure_in_this_process()
    else:
        main(__doc__, measure)
