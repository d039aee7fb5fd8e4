import dataclasses

import numpy as np
import pytest

from keras_dlnotes import data


@pytest.mark.parametrize("name", data.names())
def test_card_tells_what_the_data_set_holds(name, data_dir):
    card = data.card(name)
    builder = data.builder(name, data_dir)
    splits = data.load(name, data_dir=data_dir)

    assert card.name == name
    assert builder.name == f"dlnotes_{name}"
    assert isinstance(builder, card.builder_class())
    assert {split: len(columns["label"]) for split, columns in splits.items()} == card.sizes
    pixels = np.concatenate([columns["image"].ravel() for columns in splits.values()])
    assert (pixels.min(), pixels.max()) == card.value_range
    assert builder.info.redistribution_info.license == card.licence


def test_cards_are_complete_and_cannot_be_changed():
    for name in data.names():
        card = data.card(name)
        assert all(dataclasses.astuple(card))
        with pytest.raises(dataclasses.FrozenInstanceError):
            card.title = "other"


@pytest.mark.parametrize("name", ["mnist", "", None, ["digits"]])
@pytest.mark.parametrize("function", [data.card, data.builder, data.load])
def test_unknown_name_lists_the_known_ones(function, name):
    with pytest.raises(
        ValueError, match=r"Argument `name` must be one of 'digits', 'mnist_subset'"
    ):
        function(name)
