import dataclasses

import numpy as np
import pytest

from keras_dlnotes import data

# the input of data sets that leave the target to the user
FIRST = {
    "sunspots": "sunspots",
    "sunspots_monthly": "sunspots",
    "python_documentation": "text",
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", data.names())
def test_card_tells_what_the_data_set_holds(name, data_dir):
    card = data.card(name)
    builder = data.builder(name, data_dir)
    splits = data.load(name, data_dir=data_dir)

    assert card.name == name
    assert builder.name == f"dlnotes_{name}"
    assert isinstance(builder, card.builder_class())
    first = builder.info.supervised_keys[0] if builder.info.supervised_keys else FIRST[name]
    for split, columns in splits.items():
        assert {len(column) for column in columns.values()} == {card.sizes[split]}
    values = np.concatenate([columns[first].ravel() for columns in splits.values()])
    if card.value_range is None:
        assert values.dtype == object
    else:
        np.testing.assert_allclose((values.min(), values.max()), card.value_range, rtol=1e-6)
    assert builder.info.redistribution_info.license == card.licence


def test_cards_are_complete_and_cannot_be_changed():
    for name in data.names():
        card = data.card(name)
        assert all(value for key, value in dataclasses.asdict(card).items() if key != "value_range")
        with pytest.raises(dataclasses.FrozenInstanceError):
            card.title = "other"


@pytest.mark.parametrize("name", ["mnist", "", None, ["digits"]])
@pytest.mark.parametrize("function", [data.card, data.builder, data.load])
def test_unknown_name_lists_the_known_ones(function, name):
    with pytest.raises(
        ValueError, match=r"Argument `name` must be one of 'digits', 'mnist_subset'"
    ):
        function(name)
