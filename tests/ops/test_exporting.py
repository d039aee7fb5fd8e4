"""Exporters are recognized by whole module names, not by their first letters."""

import pytest

from keras_dlnotes.ops.exporting import ALL, LITERT, ONNX, is_exporting
from tests.exporting import as_exported

EXPORTERS = sorted({*ALL, *LITERT, *ONNX})


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_an_exporter_and_the_modules_below_it(exporter):
    for module in (exporter, f"{exporter}.converter"):
        assert as_exported(lambda: is_exporting((exporter,)), module)()
        assert as_exported(is_exporting, module)()


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_module_with_a_similar_name_is_none(exporter):
    for module in (f"{exporter}_helpers", f"{exporter}er.onnx", f"my.{exporter}", None):
        assert not as_exported(lambda: is_exporting((exporter,)), module)()


def test_formats_are_distinguished():
    assert not as_exported(lambda: is_exporting(LITERT), "tf2onnx.convert")()
    assert not as_exported(lambda: is_exporting(ONNX), "tensorflow.lite.python.lite")()
    assert not is_exporting()
