"""BatchNormalization: Keras's rule to the last bit, the notes' rule worked by hand."""

import inspect
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from tests.backends import only_on
from tests.gradcheck import assert_close, compare_gradients
from tests.tensors import to_numpy

pytestmark = [pytest.mark.compiled, pytest.mark.usefixtures("small_or_large")]

SEVERAL = pytest.mark.parametrize("statistic", ["std", "variance"])
TENSORFLOW = only_on("tensorflow", reason="Keras has it on TensorFlow alone")


def _pair(shape, statistic="variance", **arguments):
    """Our layer and Keras's, built, with the same random weights."""
    pair = layers.BatchNormalization(moving_statistic=statistic, **arguments)
    pair = pair, keras.layers.BatchNormalization(**arguments)
    generator = np.random.default_rng(7)
    weights = None
    for layer in pair:
        layer.build(shape)
        if weights is None:
            weights = [generator.uniform(0.5, 2, w.shape) for w in layer.weights]
        layer.set_weights(weights)
    return pair


def _array(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("shape", [(64, 3), (4, 4, 4, 3)])
def test_variance_is_keras_to_the_last_bit(shape):
    """Inputs whose statistics are exact in float32, so that only the rule could differ."""
    ours, theirs = _pair(shape, momentum=0.97)
    for seed in range(4):
        x = np.random.default_rng(seed).integers(-8, 9, shape).astype("float32")
        ours(x, training=True)
        theirs(x, training=True)
        for left, right in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("shape", "axis"), [((12, 3), -1), ((4, 5, 6, 3), 3), ((4, 3, 5), 1)])
@pytest.mark.parametrize("affine", [True, False])
def test_training_is_keras_in_outputs_gradients_and_moving_weights(shape, axis, affine):
    ours, theirs = _pair(shape, axis=axis, center=affine, scale=affine)
    arrays = [_array(shape), *(weight.numpy() for weight in ours.trainable_variables)]
    moving = [keras.ops.convert_to_tensor(w) for w in ours.non_trainable_variables]

    def stateless(layer):
        return lambda x, *weights: layer.stateless_call(list(weights), moving, x, training=True)[0]

    compare_gradients(stateless(ours), stateless(theirs), arrays)
    for layer in (ours, theirs):
        layer(arrays[0], training=True)
    assert_close(ours.get_weights(), theirs.get_weights())


@SEVERAL
def test_inference_is_keras_to_the_last_bit(statistic):
    ours, theirs = _pair((4, 5, 3), statistic)
    x = _array((4, 5, 3))
    np.testing.assert_array_equal(to_numpy(ours(x)), to_numpy(theirs(x)))


def test_moving_std_of_the_notes_by_hand():
    """μ_b, σ_b = 2, 3 and then 6, 1 with m = 0.75: μ_m, σ_m = 0.5, 1.5 and then 1.875, 1.375."""
    layer = layers.BatchNormalization(momentum=0.75)
    layer(np.array([[-1.0], [5.0]], "float32"), training=True)
    assert to_numpy(layer.moving_mean) == pytest.approx(0.5)
    assert to_numpy(layer.moving_std) == pytest.approx(1.5)
    assert to_numpy(layer.moving_variance) == pytest.approx(2.25)
    layer(np.array([[5.0], [7.0]], "float32"), training=True)
    assert to_numpy(layer.moving_mean) == pytest.approx(1.875)
    assert to_numpy(layer.moving_std) == pytest.approx(1.375)
    expected = (3 - 1.875) / np.sqrt(1.375**2 + 1e-3)
    assert to_numpy(layer(np.array([[3.0]], "float32"))) == pytest.approx(expected)


@SEVERAL
def test_masks_are_keras(statistic):
    ours, theirs = _pair((4, 5, 3), statistic)
    x = _array((4, 5, 3))
    mask = np.arange(5) < np.array([[5], [2], [0], [3]])
    found, expected = ours(x, training=True, mask=mask), theirs(x, training=True, mask=mask)
    assert_close([to_numpy(found)], [to_numpy(expected)])
    assert_close([to_numpy(ours.moving_mean)], [to_numpy(theirs.moving_mean)])
    if statistic == "variance":
        assert_close([to_numpy(ours.moving_variance)], [to_numpy(theirs.moving_variance)])


def test_masks_come_through_a_model():
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])

    def model(layer):
        return keras.Sequential([keras.layers.Embedding(5, 3, mask_zero=True), layer])

    keras.utils.set_random_seed(1)
    ours = model(layers.BatchNormalization(moving_statistic="variance"))
    found = ours(ids, training=True)
    theirs = model(keras.layers.BatchNormalization())
    theirs.build(ids.shape)
    theirs.layers[0].set_weights(ours.layers[0].get_weights())
    assert_close([to_numpy(found)], [to_numpy(theirs(ids, training=True))])
    assert_close(ours.get_weights(), theirs.get_weights())


@SEVERAL
def test_frozen_layers_infer_and_stay(statistic):
    layer, _ = _pair((8, 3), statistic)
    x, before = _array((8, 3)), layer.get_weights()
    expected = to_numpy(layer(x, training=False))
    layer.trainable = False
    np.testing.assert_array_equal(to_numpy(layer(x, training=True)), expected)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_mixed_bfloat16_trains_with_float32_statistics():
    single, mixed = layers.BatchNormalization(), layers.BatchNormalization(dtype="mixed_bfloat16")
    x = _array((64, 3)) + 100
    rounded = to_numpy(keras.ops.cast(x, "bfloat16"))
    outputs = mixed(keras.ops.cast(x, "bfloat16"), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert_close([to_numpy(outputs)], [to_numpy(single(rounded, training=True))], 0.01)
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    assert_close(mixed.get_weights(), single.get_weights(), 1e-6)


@pytest.mark.thorough
def test_compiled_fit_is_keras():
    x, y = _array((20, 6, 5, 2)), _array((20, 1), seed=1)

    def fitted(layer):
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [keras.layers.Conv2D(4, 3), layer, keras.layers.Flatten(), keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=True)
        model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    ours = fitted(layers.BatchNormalization(moving_statistic="variance"))
    assert_close(ours, fitted(keras.layers.BatchNormalization()), 1e-4)


@TENSORFLOW
@SEVERAL
def test_synchronized_on_one_replica_is_the_plain_layer(statistic):
    plain, _ = _pair((8, 5, 3), statistic)
    synchronized, _ = _pair((8, 5, 3), statistic, synchronized=True)
    x = _array((8, 5, 3))
    found, expected = synchronized(x, training=True), plain(x, training=True)
    assert_close([to_numpy(found)], [to_numpy(expected)])
    assert_close(synchronized.get_weights(), plain.get_weights())


TWO_REPLICAS = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
from keras_dlnotes import layers

x = np.random.default_rng(0).normal(size=(8, 6, 3)).astype("float32") + 1e4
x[4:] *= 1.001  # the replicas' own statistics are far from those of both together
upstream = np.random.default_rng(1).normal(size=x.shape).astype("float32")

def step(layer, x, upstream):
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=True)
    return outputs, tape.gradient(outputs, x, upstream)

plain = layers.BatchNormalization()
plain.build(x.shape)
expected = step(plain, tf.constant(x), tf.constant(upstream))
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = layers.BatchNormalization(synchronized=True)
    layer.build(x.shape)

def part(array):
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(np.split(array, 2)[context.replica_id_in_sync_group])
    )

run = tf.function(lambda x, upstream: strategy.run(step, (layer, x, upstream)))
found = run(part(x), part(upstream))
for name, left, right in zip(("outputs", "gradient"), found, expected):
    left = np.concatenate([entry.numpy() for entry in strategy.experimental_local_results(left)])
    np.testing.assert_allclose(left, right.numpy(), atol=2e-3, err_msg=name)
for left, right in zip(layer.get_weights(), plain.get_weights()):
    np.testing.assert_allclose(left, right, rtol=1e-4)
print("equal")
"""


@pytest.mark.thorough
@only_on("tensorflow", reason="TensorFlow's strategies")
def test_synchronized_on_two_replicas_is_the_plain_layer_on_both_batches():
    result = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True, timeout=240
    )
    assert "equal" in result.stdout, result.stderr[-3000:]


@pytest.mark.skipif(
    "renorm" not in inspect.signature(keras.layers.BatchNormalization).parameters,
    reason="this version of Keras has no batch renormalization",
)
def test_renormalization_is_left_to_keras():
    ours, theirs = _pair((8, 3), "std", renorm=True, renorm_clipping={"rmax": 3.0})
    x = _array((8, 3))
    np.testing.assert_array_equal(
        to_numpy(ours(x, training=True)), to_numpy(theirs(x, training=True))
    )
    assert_close(ours.get_weights(), theirs.get_weights(), 1e-7)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"moving_statistic": "median"}, "moving_statistic"),
        ({"momentum": 1.5}, "momentum"),
        ({"epsilon": -1e-3}, "epsilon"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received: {name}="):
        layers.BatchNormalization(**arguments)


@pytest.mark.parametrize("masked", [False, True])
def test_an_empty_batch_keeps_its_lengths(masked):
    layer = layers.BatchNormalization()
    for length in (1, 2, 3):  # TensorFlow leaves the length open from the second one on
        x = np.zeros((0, length, 4, 3), "float32")
        mask = np.zeros(x.shape[:-1], bool) if masked else None
        assert tuple(layer(x, training=True, mask=mask).shape) == x.shape
