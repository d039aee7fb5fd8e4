"""Tokenizers as layers: in pipelines, in models, saved with them."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_dlnotes.text import BytePairTokenizer, RuleTokenizer, Tokenization
from tests.backends import only_on

TEXTS = ["it is raining", "", "naïve ☂"]
TOKENIZERS = [
    RuleTokenizer().adapt(["it is raining"]),
    BytePairTokenizer(vocabulary_size=280).fit(["it is raining in the rain"] * 3),
]


@pytest.fixture(params=TOKENIZERS, ids=lambda tokenizer: type(tokenizer).__name__)
def tokenizer(request):
    return request.param


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("kind", [list, np.array, tf.constant])
def test_eager_call_pads_to_the_longest(tokenizer, kind):
    ids = array(tokenizer.as_layer()(kind(TEXTS)))
    assert ids.dtype == "int32"
    assert ids.shape == (3, max(len(tokenizer.encode(text)) for text in TEXTS))
    assert [tokenizer.decode(row) for row in ids] == TEXTS
    assert [int((row != 0).sum()) for row in ids] == [len(tokenizer.encode(t)) for t in TEXTS]


def test_shape_of_the_input_is_kept(tokenizer):
    layer = tokenizer.as_layer(output_length=4)
    assert layer("one").shape == (4,)
    assert layer([["a", "b"], ["c", "d"]]).shape == (2, 2, 4)
    assert layer.compute_output_shape((None, 2)) == (None, 2, 4)


def test_special_tokens_stand_around_every_text_even_a_cut_one(tokenizer):
    layer = tokenizer.as_layer(output_length=4, before=["<start>"], after=["<end>"])
    ids = array(layer(["it is raining", "i", ""])).tolist()
    cut = tokenizer.encode("it is raining")[:2]
    assert ids == [[1, *cut, 2], [1, *tokenizer.encode("i"), 2, 0], [1, 2, 0, 0]]


@pytest.mark.parametrize("output_length", [None, 5])
def test_pipeline_makes_the_same_ids(tokenizer, output_length):
    layer = tokenizer.as_layer(output_length=output_length, after=["<end>"])
    dataset = tf.data.Dataset.from_tensor_slices(TEXTS).batch(2).map(layer, num_parallel_calls=2)
    assert dataset.element_spec.shape.as_list() == [None, output_length]
    for ids, texts in zip(dataset, (TEXTS[:2], TEXTS[2:]), strict=True):
        np.testing.assert_array_equal(ids, array(layer(texts)))


needs_strings = only_on("tensorflow", reason="only TensorFlow has tensors of strings")


def string_model(tokenizer):
    inputs = keras.Input((), dtype="string")
    outputs = tokenizer.as_layer(output_length=6)(inputs)
    outputs = keras.layers.Embedding(tokenizer.vocabulary_size, 4, mask_zero=True)(outputs)
    outputs = keras.layers.GlobalAveragePooling1D()(outputs)
    return keras.Model(inputs, keras.layers.Dense(1)(outputs))


@needs_strings
def test_model_of_strings_trains_and_predicts(tokenizer):
    model = string_model(tokenizer)
    model.compile("sgd", "mse")
    texts = tf.constant(TEXTS[::2])
    before = model.predict(texts, verbose=0)
    model.fit(texts, np.ones((2, 1)), epochs=2, verbose=0)
    assert model.output_shape == (None, 1)
    assert not np.allclose(model.predict(texts, verbose=0), before)


@pytest.mark.thorough
@needs_strings
def test_saved_model_of_strings_works_where_only_the_package_is_imported(tokenizer, tmp_path):
    model = string_model(tokenizer)
    expected = model.predict(tf.constant(TEXTS[::2]), verbose=0)
    model.save(tmp_path / "model.keras")
    program = (
        "import sys, keras, keras_dlnotes, tensorflow as tf;"
        "model = keras.models.load_model(sys.argv[1]);"
        "print(*model.predict(tf.constant(sys.argv[2:]), verbose=0).ravel())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "model.keras", *TEXTS[::2]],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    received = np.array(done.stdout.split(), "float32")
    np.testing.assert_allclose(received, expected.ravel(), rtol=1e-5, atol=1e-7)


def test_config_survives(tokenizer):
    layer = Tokenization(tokenizer, output_length=5, before=["<start>"], name="ids")
    again = Tokenization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(array(again(TEXTS)), array(layer(TEXTS)))
    assert keras.saving.get_registered_name(Tokenization) == "keras_dlnotes>Tokenization"


@pytest.mark.parametrize(
    "arguments",
    [
        {"tokenizer": "rules"},
        {"output_length": 0},
        {"output_length": 2.0},
        {"output_length": True},
        {"output_length": 2**40},
        {"output_length": 2, "before": ["<start>"], "after": ["<end>"]},
        {"before": ["<begin>"]},
        {"after": "<end>"},
        {"after": b"<end>"},
        {"after": 3},
        {"after": [["<end>"]]},
    ],
)
def test_bad_argument_is_named(arguments):
    name = next(iter(arguments))
    with pytest.raises(ValueError, match=f"Argument `{name}`"):
        Tokenization(**{"tokenizer": TOKENIZERS[0], **arguments})


def test_unfitted_tokenizer_is_told_at_once():
    with pytest.raises(RuntimeError, match="must be fitted"):
        Tokenization(BytePairTokenizer(vocabulary_size=300))


@pytest.mark.parametrize("inputs", [3, [1, 2], ["a", 1], [b"\xff"], None, np.zeros(2)], ids=repr)
def test_what_is_no_string_is_named(tokenizer, inputs):
    with pytest.raises(ValueError, match="Argument `inputs` must be strings"):
        tokenizer.as_layer()(inputs)


def test_a_layer_saved_with_ids_of_another_meaning_is_refused():
    config = Tokenization(RuleTokenizer()).get_config()
    config["tokenizer"]["config"] = {"special_tokens": ["<start>", "<end>"], "edition": 1}
    with pytest.raises(ValueError, match=r"`edition` must be 2.*make a new tokenizer"):
        Tokenization.from_config(config)
