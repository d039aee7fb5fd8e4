"""Exact statistics against a reference that sees the whole training set in one batch."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.training import RecomputeStatistics, recompute_statistics
from tests.backends import only_on
from tests.gradcheck import assert_close

COUNT = 45  # no multiple of any batch size below


def _images(seed=0):
    return np.random.default_rng(seed).normal(2, 3, size=(COUNT, 8, 8, 2)).astype("float32")


def _randomized(model, seed=0):
    generator = np.random.default_rng(seed)
    model.set_weights([w + generator.uniform(0, 0.3, w.shape) for w in model.get_weights()])
    return model


def _chain():
    keras.utils.set_random_seed(0)
    return _randomized(
        keras.Sequential(
            [
                keras.Input((8, 8, 2)),
                keras.layers.Conv2D(4, 3, activation="relu"),
                layers.BatchNormalization(name="first"),
                keras.layers.Flatten(),
                keras.layers.Dense(5, activation="tanh"),
                keras.layers.BatchNormalization(name="second"),
                keras.layers.Dropout(0.5),
            ]
        )
    )


def _branches():
    """A MobileNet block beside a plain one, with a skip over both."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2))
    stem = layers.BatchNormalization(name="stem")(layers.Conv2D(4, 3, padding=1)(inputs))
    left = keras.layers.DepthwiseConv2D(3, padding="same")(keras.layers.ReLU()(stem))
    left = keras.layers.BatchNormalization(name="left")(left)
    left = keras.layers.Conv2D(4, 1)(keras.layers.ReLU(6.0)(left))
    right = layers.BatchNormalization(name="right")(keras.layers.Conv2D(4, 1)(stem))
    joined = keras.layers.Add()([stem, left, right])
    outputs = layers.BatchNormalization(name="joined")(joined)
    return _randomized(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(outputs)))


def _set_exactly(layer, values):
    values = np.asarray(values, "float64")
    axes = tuple(range(values.ndim - 1))
    layer.moving_mean.assign(values.mean(axes))
    layer.moving_variance.assign(values.var(axes))


def _reference(model, x):
    """Layer by layer: what reaches it from the whole set, in one batch and double precision."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            to_layer = keras.Model(model.inputs[0], layer.input)
            _set_exactly(layer, keras.ops.convert_to_numpy(to_layer(x)))
    return model.get_weights()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("batch_size", [7, 32, COUNT])
@pytest.mark.parametrize("build", [_chain, _branches])
def test_equals_the_whole_set_in_one_batch(build, batch_size):
    expected = _reference(build(), _images())
    model = build()
    assert recompute_statistics(model, _images(), batch_size=batch_size, verbose=0) is model
    assert_close(model.get_weights(), expected, 1e-5)


@only_on("tensorflow", reason="tf.data")
def test_any_source_of_data():
    import tensorflow as tf

    class Source(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return _images()[index * 15 : (index + 1) * 15], np.zeros(15)

    expected = _reference(_chain(), _images())
    dataset = tf.data.Dataset.from_tensor_slices((_images(), np.zeros(COUNT))).batch(8)
    for data in (dataset, Source(), (_images(), np.zeros(COUNT))):
        assert_close(recompute_statistics(_chain(), data, verbose=0).get_weights(), expected)


def test_nested_models_and_shared_layers():
    """A siamese pair: each layer of the shared encoder sees what both inputs send it."""

    def build():
        encoder = _chain()
        left, right = keras.Input((8, 8, 2)), keras.Input((8, 8, 2))
        return keras.Model([left, right], [encoder(left), encoder(right)]), encoder

    model, encoder = build()
    both = np.concatenate([_images(), 2 * _images(1) + 1])
    _, alone = build()
    expected = _reference(alone, both)
    recompute_statistics(model, [_images(), 2 * _images(1) + 1], batch_size=16, verbose=0)
    assert_close(encoder.get_weights(), expected)


def test_a_layer_shared_in_an_order_that_calls_do_not_tell():
    """`later` depends on both calls of `shared`, and is called between them."""
    x, y = (np.random.default_rng(seed).normal(size=(20, 3)) * 4 for seed in (0, 1))
    shared, later = layers.BatchNormalization(), layers.BatchNormalization()
    first, second = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([first, second], [later(shared(first)), shared(second)])
    recompute_statistics(model, [x, y], batch_size=6, verbose=0)
    both = np.concatenate([x, y])
    assert_close([shared.moving_mean.numpy()], [both.mean(0)])
    normalized = (x - both.mean(0)) / np.sqrt(both.var(0) + shared.epsilon)
    assert_close([later.moving_mean.numpy()], [normalized.mean(0)])
    assert_close([later.moving_variance.numpy()], [normalized.var(0)])


def test_masked_positions_do_not_count():
    lengths = np.random.default_rng(0).integers(1, 6, COUNT)
    ids = np.where(np.arange(6) < lengths[:, None], np.arange(COUNT)[:, None] % 9 + 1, 0)
    model = keras.Sequential(
        [keras.layers.Embedding(10, 3, mask_zero=True), layers.BatchNormalization()]
    )
    model.build(ids.shape)
    recompute_statistics(model, ids, batch_size=7, verbose=0)
    embedded = keras.ops.convert_to_numpy(model.layers[0](ids))[ids > 0]
    assert_close([model.layers[1].moving_mean.numpy()], [embedded.mean(0)])
    assert_close([model.layers[1].moving_variance.numpy()], [embedded.var(0)])


@pytest.mark.parametrize("axis", [1, -1])
def test_far_from_zero_and_any_axis(axis):
    x = (np.random.default_rng(0).normal(size=(COUNT, 6, 6)) + 1e4).astype("float32")
    model = keras.Sequential([keras.Input((6, 6)), layers.BatchNormalization(axis=axis)])
    recompute_statistics(model, x, batch_size=7, verbose=0)
    others = (0, 2) if axis == 1 else (0, 1)
    exact = x.astype("float64")
    np.testing.assert_allclose(model.layers[0].moving_mean.numpy(), exact.mean(others), rtol=1e-7)
    np.testing.assert_allclose(
        model.layers[0].moving_variance.numpy(), exact.var(others), rtol=1e-5
    )


def test_scale_shift_and_the_rest_stay_and_frozen_layers_count_too():
    model = _chain()
    model.get_layer("first").trainable = False
    before = {w.path: w.numpy() for w in model.weights}
    recompute_statistics(model, _images(), verbose=0)
    for weight in model.weights:
        unchanged = np.array_equal(weight.numpy(), before[weight.path])
        assert unchanged == ("moving" not in weight.path), weight.path
    assert not any("call" in vars(layer) for layer in model.layers)


@pytest.mark.parametrize("fails_at", [0, 7])
def test_an_error_leaves_the_model_as_it_was(fails_at):
    class Failing(keras.utils.PyDataset):
        reads = 0

        def __len__(self):
            return 5

        def __getitem__(self, index):
            type(self).reads += 1
            if self.reads > fails_at:
                raise RuntimeError("the disk is gone")
            return _images()[index * 9 : (index + 1) * 9]

    model = _chain()
    before = model.get_weights()
    with pytest.raises(Exception, match="the disk is gone"):
        recompute_statistics(model, Failing(), verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not any("call" in vars(layer) for layer in model.layers)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="Argument `model` must be built"):
        recompute_statistics(keras.Sequential([layers.BatchNormalization()]), _images())
    with pytest.raises(ValueError, match="Argument `data` must be a source that can be read"):
        recompute_statistics(_chain(), (batch for batch in [_images()]))
    with pytest.raises(ValueError, match="Argument `batch_size` must be an integer ≥ 1"):
        recompute_statistics(_chain(), _images(), batch_size=0)
    with pytest.raises(ValueError, match="Argument `every` must be an integer ≥ 1"):
        RecomputeStatistics(_images(), every=0)


@only_on("tensorflow", reason="tf.data")
def test_data_without_an_end_are_refused():
    import tensorflow as tf

    endless = tf.data.Dataset.from_tensors(_images()).repeat()
    with pytest.raises(ValueError, match="Argument `data` must be a source that ends"):
        recompute_statistics(_chain(), endless)


def test_a_model_without_such_layers_stays():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    assert recompute_statistics(model, np.ones((4, 3)), verbose=0) is model


def test_progress_is_shown_when_asked_for(capsys):
    recompute_statistics(_chain(), _images(), batch_size=15, verbose=1)
    assert "6/6" in capsys.readouterr().out  # two layers, three batches each
    recompute_statistics(_chain(), _images(), verbose=0)
    assert not capsys.readouterr().out


def test_callback_after_training_and_every_few_epochs():
    x, y = _images(), np.zeros((COUNT, 5), "float32")
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.get_weights())
    )
    model = _chain()
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    callbacks = [RecomputeStatistics(x, every=2), watch]
    model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks)
    seen.append(model.get_weights())

    def exact(weights):
        other = _chain()
        other.set_weights(weights)
        pairs = zip(weights, _reference(other, x), strict=True)
        return all(np.allclose(*pair, rtol=1e-5, atol=1e-5) for pair in pairs)

    assert [exact(weights) for weights in seen] == [False, True, False, True]


@pytest.mark.parametrize("count", [1_000, 100_000])
@pytest.mark.parametrize("dtype", ["uint8", "bool", "int32", "float16", "bfloat16", "float32"])
def test_types_and_many_terms_in_one_batch(dtype, count):
    """Sums keep their digits, whatever type the inputs have."""
    values = np.random.default_rng(0).normal(100, 20, size=(count, 3)).clip(0, 255)
    values = values > 100 if dtype == "bool" else values
    x = keras.ops.convert_to_numpy(keras.ops.cast(values, dtype))
    model = keras.Sequential([keras.Input((3,), dtype=dtype), layers.BatchNormalization()])
    recompute_statistics(model, x, batch_size=count, verbose=0)
    exact = x.astype("float64")
    layer = model.layers[0]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer.moving_mean), exact.mean(0), 1e-6)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer.moving_variance), exact.var(0), 3e-6
    )
