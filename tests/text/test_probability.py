"""The chain rule, against literal loops and sums over all sequences."""

import itertools

import keras
import numpy as np
import pytest

from keras_dlnotes.text import sequence_log_probability


def bigram_model(vocabulary_size=4, seed=0):
    """A model whose next token depends on the last one; and its table."""
    table = np.random.default_rng(seed).random((vocabulary_size, vocabulary_size))
    table /= table.sum(axis=1, keepdims=True)

    def model(ids):
        return keras.ops.take(keras.ops.convert_to_tensor(table, "float32"), ids, axis=0)

    return model, table


def test_is_the_sum_of_the_logarithms_of_the_steps():
    model, table = bigram_model()
    ids = [3, 1, 1, 2]
    expected = np.log(table[3, 1]) + np.log(table[1, 1]) + np.log(table[1, 2])
    assert sequence_log_probability(model, ids) == pytest.approx(expected, rel=1e-6)


def test_is_the_logarithm_of_the_product_of_conditional_probabilities():
    """P(x) from a recurrent model, one prefix at a time: nothing of the future is seen."""
    inputs = keras.Input((None,), dtype="int32")
    outputs = keras.layers.Embedding(5, 6, mask_zero=True)(inputs)
    outputs = keras.layers.GRU(7, return_sequences=True)(outputs)
    model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(outputs))
    ids = np.array([[1, 4, 2, 3, 3]])
    product = 1.0
    for step in range(1, 5):
        following = keras.ops.convert_to_numpy(model(ids[:, :step]))[0, -1]
        product *= following[ids[0, step]]
    assert sequence_log_probability(model, ids)[0] == pytest.approx(np.log(product), rel=1e-5)


def recurrent(last="softmax", stateful=False, layer=keras.layers.GRU):
    inputs = keras.Input(batch_shape=(1 if stateful else None, None), dtype="int32")
    outputs = keras.layers.Embedding(5, 6, mask_zero=True)(inputs)
    hidden = layer(7, return_sequences=True, stateful=stateful)(outputs)
    return keras.Model(inputs, keras.layers.Dense(5, last)(hidden))


IDS = np.array([[1, 4, 2, 3, 3], [2, 2, 1, 4, 0]])


def test_logits_and_logarithms_of_probabilities():
    model = recurrent()
    expected = sequence_log_probability(model, IDS)
    for last in (None, "log_softmax"):
        other = recurrent(last)
        other.set_weights(model.get_weights())
        received = sequence_log_probability(other, IDS, from_logits=True)
        np.testing.assert_allclose(received, expected, rtol=1e-5)
        with pytest.raises(ValueError, match=r"Argument `model` must be .*from_logits=True"):
            sequence_log_probability(other, IDS)
    with pytest.raises(ValueError, match="Argument `from_logits` must be False"):
        sequence_log_probability(model, np.tile(IDS, (3, 1)), from_logits=True)
    with pytest.raises(ValueError, match="Argument `from_logits` must be True or False"):
        sequence_log_probability(model, IDS, from_logits=1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_rounded_probabilities_count_as_parts_of_their_sum(dtype):
    given = np.array([0.0, 0.3007, 0.2003, 0.5031])  # the sum is 1.004
    rounded = keras.ops.convert_to_numpy(keras.ops.cast(given, dtype)).astype("float64")

    def model(ids):
        return keras.ops.cast(np.broadcast_to(given, (*np.shape(ids), 4)), dtype)

    expected = 2 * np.log(rounded[3] / rounded.sum())
    assert sequence_log_probability(model, [1, 3, 3]) == pytest.approx(expected, rel=1e-12)


AHEAD = {
    "backwards": lambda units, **arguments: keras.layers.GRU(units, go_backwards=True, **arguments),
    "both ways": lambda units, stateful, **arguments: keras.layers.Bidirectional(
        keras.layers.GRU(units, **arguments)
    ),
    "convolution": lambda units, **_: keras.layers.Conv1D(units, 3, padding="same"),
}


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("layer", AHEAD)
@pytest.mark.parametrize("ids", [IDS, [1, 2]])
def test_models_that_look_ahead_are_refused(layer, ids):
    with pytest.raises(ValueError, match="Argument `model` must be one that goes in one direction"):
        sequence_log_probability(recurrent(layer=AHEAD[layer]), ids)


def test_a_stateful_model_starts_anew_and_keeps_its_states():
    plain, stateful = recurrent(), recurrent(stateful=True)
    stateful.set_weights(plain.get_weights())
    stateful(np.array([[3, 4]]))
    (before,) = (keras.ops.convert_to_numpy(state) for state in stateful.layers[-2].states)
    for size in (1, 2):
        received = sequence_log_probability(stateful, IDS, batch_size=size)
        np.testing.assert_allclose(received, sequence_log_probability(plain, IDS), rtol=1e-5)
    (after,) = (keras.ops.convert_to_numpy(state) for state in stateful.layers[-2].states)
    np.testing.assert_array_equal(before, after)


def test_probabilities_of_all_sequences_sum_to_one():
    model, table = bigram_model(3)
    table[:, 0] = 0  # nothing but padding after padding, and never within a sequence
    table /= table.sum(axis=1, keepdims=True)
    ids = np.array([(1, *rest) for rest in itertools.product((1, 2), repeat=4)])
    assert np.exp(sequence_log_probability(model, ids)).sum() == pytest.approx(1, rel=1e-6)


def test_padding_does_not_count_on_either_side():
    model, _ = bigram_model()
    rows = [[3, 1, 2, 0, 0], [0, 0, 3, 1, 2], [0, 3, 1, 2, 0]]
    expected = sequence_log_probability(model, [3, 1, 2])
    np.testing.assert_allclose(sequence_log_probability(model, rows), [expected] * 3, rtol=1e-12)
    np.testing.assert_array_equal(sequence_log_probability(model, [[3, 0, 0], [0, 0, 0]]), [0, 0])


def test_batches_do_not_matter():
    model, _ = bigram_model()
    ids = np.random.default_rng(1).integers(0, 4, (7, 5))
    whole, parts = (sequence_log_probability(model, ids, batch_size=size) for size in (7, 2))
    np.testing.assert_array_equal(whole, parts)


def test_impossible_sequence():
    def certain(ids):
        return np.broadcast_to([0.0, 1.0, 0.0], (*np.shape(ids), 3))

    np.testing.assert_array_equal(
        sequence_log_probability(certain, [[1, 1, 1], [1, 1, 2]]), [0, -np.inf]
    )


@pytest.mark.parametrize(
    ("name", "ids", "scale"),
    [
        ("ids", [[[1]]], 1),
        ("ids", [], 1),
        ("ids", [1.5, 2], 1),
        ("ids", ["a"], 1),
        ("ids", [1, -1], 1),
        *(("ids", ids, 1) for ids in ([1, 2**40 + 1], [True, False], [[1, 2], [3]], [2**70], [[]])),
        *(("ids", ids, 1) for ids in ("ab", b"ab", None, 3, np.ones((1, 2)), [[1, None]])),
        ("model", [1, 2, 3], 3),
        ("model", [1, 2, 3], -1),
    ],
)
def test_bad_input_is_named(name, ids, scale):
    model, _ = bigram_model()
    with pytest.raises(ValueError, match=f"Argument `{name}`"):
        sequence_log_probability(lambda ids: model(ids) * scale, ids)


@pytest.mark.parametrize("outputs", [np.ones((1, 4)), np.ones((1, 2, 0)), [np.ones((1, 2, 4))]])
def test_model_of_another_shape_is_named(outputs):
    with pytest.raises(ValueError, match=r"outputs of shape \(batch, time, vocabulary\) for ids"):
        sequence_log_probability(lambda ids: outputs, [[1, 2]])


@pytest.mark.parametrize("model", [None, "model", 3])
def test_what_is_no_model_is_named(model):
    with pytest.raises(ValueError, match="Argument `model` must be a language model"):
        sequence_log_probability(model, [[1, 2]])


@pytest.mark.parametrize("batch_size", [0, 2.0, True, None, 2**40])
def test_bad_batch_size_is_named(batch_size):
    with pytest.raises(ValueError, match="Argument `batch_size`"):
        sequence_log_probability(bigram_model()[0], [[1, 2]], batch_size)


def test_id_beyond_the_vocabulary_is_named():
    with pytest.raises(ValueError, match="`ids` must be integers from 0 to 2"):
        sequence_log_probability(lambda ids: np.full((*np.shape(ids), 3), 1 / 3), [1, 3])


@pytest.mark.parametrize("id_", [5, -1, 2**32 + 1, 2**40 + 1])
def test_id_beyond_the_vocabulary_never_reaches_the_model(id_):
    inputs = keras.Input((None,), dtype="int32")
    outputs = keras.layers.Embedding(5, 5)(inputs)
    model = keras.Model(inputs, keras.layers.Softmax()(outputs))
    with pytest.raises(
        ValueError, match=f"`ids` must be integers from 0 to 4. Received: ids={id_}"
    ):
        sequence_log_probability(model, np.array([[1, 2], [1, id_]]))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "uint64"])
def test_ids_of_every_type_of_integer(dtype):
    model, table = bigram_model()
    expected = np.log(table[3, 1])
    assert sequence_log_probability(model, np.array([3, 1], dtype)) == pytest.approx(expected)
    tensor = keras.ops.convert_to_tensor([3, 1], "int32")
    assert sequence_log_probability(model, tensor) == pytest.approx(expected)
