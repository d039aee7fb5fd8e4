"""Models and tokenizers that the last version saved, with what it predicted by them."""

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_dlnotes import models, text
from tests.backends import only_on

FOLDER = Path(__file__).parents[1] / "data_of_last_version" / "models"
PREDICTIONS = np.load(FOLDER / "predictions.npz")
NAMES = sorted(name.removesuffix("/output") for name in PREDICTIONS if name.endswith("/output"))
TEXT = "it isn't ☂"


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", NAMES)
def test_predicts_what_it_predicted(name):
    model = keras.models.load_model(FOLDER / f"{name}.keras")
    inputs = [PREDICTIONS[f"{name}/input{number}"] for number in range(len(model.inputs))]
    received = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    np.testing.assert_allclose(received, PREDICTIONS[f"{name}/output"], rtol=1e-4, atol=1e-5)


def test_weights_of_a_saved_resnet_have_the_names_and_the_order_that_they_had():
    saved = keras.models.load_model(FOLDER / "resnet.keras")
    built = models.resnet((7, 8, 1), 2, filters=(2, 3), blocks=(1, 1))
    assert [(w.path, w.shape) for w in built.weights] == [(w.path, w.shape) for w in saved.weights]


@pytest.mark.parametrize(
    ("kind", "file", "ids"),
    [
        (text.RuleTokenizer, "rules.json", [266, 35, 108, 118, 113, 42, 119, 264]),
        (text.BytePairTokenizer, "byte_pairs.json", [108, 119, 261, 113, 262, 35, 229, 155, 133]),
    ],
)
def test_tokenizer_gives_the_ids_that_it_gave(kind, file, ids):
    tokenizer = kind.load(FOLDER / file)
    assert tokenizer.encode(TEXT) == ids
    assert tokenizer.decode(ids) == TEXT


@only_on("tensorflow", reason="a model that takes strings")
def test_model_with_a_tokenizer_predicts_what_it_predicted():
    model = keras.models.load_model(FOLDER / "tokenization.keras")
    received = keras.ops.convert_to_numpy(model(np.array(["it is ☂"], object)))
    expected = [[-0.3882102966308594, 0.05500982701778412]]
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)
