"""Every layer of the package is counted, and as its Keras twin is."""

import keras
import pytest

from keras_dlnotes import reports
from tests.layers.cases import CASES, Case


def model_of(case: Case, layer: keras.Layer) -> keras.Model:
    """The layer alone, called on what its row of the contract table takes."""
    inputs = keras.tree.map_structure(
        lambda array: keras.Input(array.shape[1:], dtype=str(array.dtype)), case.inputs()
    )
    return keras.Model(inputs, case.runnable(layer)(inputs))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_its_cost_and_what_it_sees_are_known(case):
    model = model_of(case, case.layer())
    report = reports.summarize(model)
    assert report.unknown == []
    assert report.total.parameters == model.count_params()
    assert report.total.receptive_field is not None
    twin = case.twin_layer()
    if twin is not None:
        theirs = reports.summarize(model_of(case, twin)).total
        assert report.total.multiplications == theirs.multiplications
        assert report.total.receptive_field == theirs.receptive_field
        assert report.total.stride == theirs.stride
