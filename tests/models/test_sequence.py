"""Recurrent networks: the notes' loop, padding that does not count, and what each step may see."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.models import (
    language_model,
    many_to_many,
    many_to_one,
    one_to_many,
    sequence_to_sequence,
    tagger,
)

CELLS = {"simple": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}
BUILDERS = {
    "many_to_one": lambda **a: many_to_one(**{"input_shape": (None, 3), "outputs": 2, **a}),
    "many_to_many": lambda **a: many_to_many(**{"input_shape": (None, 3), "outputs": 2, **a}),
    "one_to_many": lambda **a: one_to_many(**{"input_shape": (4,), "steps": 3, "outputs": 2, **a}),
    "language_model": lambda **a: language_model(**{"vocabulary_size": 9, **a}),
    "tagger": lambda **a: tagger(**{"vocabulary_size": 9, "tags": 2, **a}),
    "sequence_to_sequence": lambda **a: sequence_to_sequence(
        **{"source_vocabulary": 9, "target_vocabulary": 7, **a}
    ),
}


def features(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def inputs_of(model):
    """Inputs of two rows and five steps that suit the model."""
    generator = np.random.default_rng(0)
    tensors = [
        generator.integers(1, 7, (2, 5))
        if tensor.dtype == "int32"
        else features(2, *(5 if length is None else length for length in tensor.shape[1:]))
        for tensor in model.inputs
    ]
    return tensors if len(tensors) > 1 else tensors[0]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", BUILDERS)
def test_outputs_are_probabilities_of_an_uncompiled_model(name, cell):
    model = BUILDERS[name](units=4, cell=cell)
    assert not model.compiled
    assert model.name == name
    assert any(
        isinstance(getattr(layer, "forward_layer", layer), CELLS[cell]) for layer in model.layers
    )
    inputs = inputs_of(model)
    probabilities = array(model(inputs))
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(array(again(inputs)), probabilities, rtol=1e-5)


@pytest.mark.parametrize("every_step", [True, False])
def test_is_the_notes_loop(every_step):
    """H_t = φ(X_t W_xh + H_{t−1} W_hh + b_h), Ŷ_t = H_t W_hy + b_o."""
    build = many_to_many if every_step else many_to_one
    model = build((None, 3), 2, units=4, cell="simple", activation=None)
    model.set_weights([features(*weight.shape) for weight in model.get_weights()])
    w_xh, w_hh, b_h, w_hy, b_o = model.get_weights()
    x = features(2, 5, 3)
    h = np.zeros((2, 4))
    outputs = []
    for step in range(5):
        h = np.tanh(x[:, step] @ w_xh + h @ w_hh + b_h)
        outputs.append(h @ w_hy + b_o)
    expected = np.stack(outputs, axis=1) if every_step else outputs[-1]
    np.testing.assert_allclose(array(model(x)), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_at_the_end_does_not_count(cell, bidirectional):
    model = many_to_one((None, 3), 2, units=4, cell=cell, bidirectional=bidirectional)
    x = features(2, 5, 3)
    padded = np.concatenate([x, np.zeros((2, 3, 3), "float32")], axis=1)
    np.testing.assert_allclose(array(model(padded)), array(model(x)), rtol=1e-5)
    reads_all = many_to_one((None, 3), 2, units=4, cell=cell, mask_value=None)
    reads_all.set_weights(model.get_weights()) if not bidirectional else None
    assert not np.allclose(array(reads_all(padded)), array(reads_all(x)), rtol=1e-3)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["language_model", "tagger", "many_to_many"])
def test_padding_does_not_count_in_the_loss(name):
    model = BUILDERS[name](units=4)
    model.compile(loss="sparse_categorical_crossentropy")
    x = inputs_of(model)
    y = np.ones((2, 5), int)
    widths = [(0, 0), (0, 3), (0, 0)][: x.ndim]
    padded = np.pad(x, widths), np.pad(y, widths[:2])
    loss = model.evaluate(x, y, verbose=0)
    assert model.evaluate(*padded, verbose=0) == pytest.approx(loss, rel=1e-5)


@pytest.mark.thorough
def test_padding_of_source_and_target_does_not_count():
    model = BUILDERS["sequence_to_sequence"](units=4)
    model.compile(loss="sparse_categorical_crossentropy")
    source, target = inputs_of(model)
    y = np.ones((2, 5), int)
    loss = model.evaluate([source, target], y, verbose=0)
    source, target, y = (np.pad(ids, [(0, 0), (0, 2)]) for ids in (source, target, y))
    assert model.evaluate([source, target], y, verbose=0) == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_language_model_and_decoder_do_not_see_the_future(cell):
    ids = np.array([[3, 4, 5, 6]])
    changed = np.array([[3, 4, 2, 1]])
    model = language_model(9, units=4, cell=cell)
    before, after = (array(model(x)) for x in (ids, changed))
    np.testing.assert_allclose(before[:, :2], after[:, :2], rtol=1e-5)
    assert not np.allclose(before[:, 2:], after[:, 2:], rtol=1e-3)

    model = sequence_to_sequence(9, 9, units=4, cell=cell)
    before, after = (array(model([ids, target])) for target in (ids, changed))
    np.testing.assert_allclose(before[:, :2], after[:, :2], rtol=1e-5)
    assert not np.allclose(array(model([changed, ids])), before, rtol=1e-3)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_tagger_sees_both_sides_if_bidirectional(bidirectional):
    model = tagger(9, 3, units=4, bidirectional=bidirectional)
    first = [array(model(np.array([[3, 4, last]])))[0, 0] for last in (5, 6)]
    assert np.allclose(*first, rtol=1e-4) != bidirectional


@pytest.mark.parametrize(("cell", "gates"), [("simple", 1), ("lstm", 4)])
def test_numbers_of_weights(cell, gates):
    model = language_model(vocabulary_size=11, units=7, embedding_dim=5, cell=cell)
    recurrent = gates * (5 * 7 + 7 * 7 + 7)
    assert model.count_params() == 11 * 5 + recurrent + 7 * 11 + 11


def test_several_recurrent_layers():
    model = many_to_one((6, 3), 2, units=(4, 5), bidirectional=True)
    assert [layer.output.shape for layer in model.layers[-3:-1]] == [(None, 6, 8), (None, 10)]
    assert language_model(9, units=[4, 5]).get_layer("recurrent2").units == 5


def test_dropout_is_there_in_training_alone():
    model = many_to_one((6, 3), 2, units=4, dropout=0.5)
    x = features(2, 6, 3)
    np.testing.assert_array_equal(array(model(x)), array(model(x)))
    assert not np.allclose(array(model(x, training=True)), array(model(x)), rtol=1e-3)


def test_one_to_many_takes_images_and_what_goes_in_front():
    front = [keras.layers.Conv2D(2, 3, strides=2), keras.layers.Activation("relu")]
    model = one_to_many((8, 8, 1), steps=4, outputs=5, units=6, preprocessing=front)
    assert model.layers[1:3] == front
    assert model(features(2, 8, 8, 1)).shape == (2, 4, 5)


@pytest.mark.parametrize("cell", CELLS)
def test_every_step_of_one_to_many_differs(cell):
    model = one_to_many((4,), steps=3, outputs=2, cell=cell)
    first, second, third = array(model(features(1, 4)))[0]
    assert not np.allclose(first, second, rtol=1e-3)
    assert not np.allclose(second, third, rtol=1e-3)


def test_stateful_model_goes_on_where_it_was():
    plain, stateful = (language_model(9, units=4, stateful=flag) for flag in (False, True))
    # a state is a variable, but no weight to carry over
    stateful.set_weights(plain.get_weights())
    ids = np.array([[3, 4, 5, 6, 7]])
    whole = array(plain(ids))
    parts = [array(stateful(ids[:, :2])), array(stateful(ids[:, 2:]))]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5)
    assert stateful.input_shape == (1, None)
    assert language_model(9, stateful=True, batch_size=3).input_shape == (3, None)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("many_to_one", "input_shape", (3,)),
        ("many_to_one", "input_shape", (None, None)),
        ("many_to_many", "input_shape", (0, 3)),
        ("many_to_many", "input_shape", "ab"),
        ("many_to_one", "outputs", 0),
        ("many_to_one", "units", 0),
        ("many_to_one", "units", ()),
        ("many_to_one", "units", 2.0),
        ("many_to_one", "dropout", 1.0),
        ("one_to_many", "input_shape", ()),
        ("one_to_many", "steps", 0),
        ("one_to_many", "outputs", None),
        ("language_model", "vocabulary_size", 1),
        ("language_model", "embedding_dim", 0),
        ("language_model", "batch_size", 0),
        ("tagger", "tags", 0),
        ("tagger", "vocabulary_size", "9"),
        ("sequence_to_sequence", "source_vocabulary", 1),
        ("sequence_to_sequence", "target_vocabulary", True),
        ("sequence_to_sequence", "units", (4, 4)),
    ],
)
def test_names_the_bad_argument(name, argument, value):
    with pytest.raises(ValueError, match=f"Argument `{argument}`"):
        BUILDERS[name](**{argument: value})


@pytest.mark.parametrize("name", BUILDERS)
def test_names_the_cells_that_there_are(name):
    with pytest.raises(ValueError, match="`cell` must be one of 'simple', 'lstm', 'gru'"):
        BUILDERS[name](cell="LSTM")
