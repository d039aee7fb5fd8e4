"""A report as a data frame, as Markdown, as JSON and in a terminal."""

import json

import keras
import pytest
from rich.console import Console

from keras_dlnotes import reports

L = keras.layers


@pytest.fixture
def report() -> reports.Report:
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            L.Conv2D(4, 3, name="conv"),
            L.Conv2DTranspose(2, 2, 2, name="up"),
        ],
        name="small",
    )
    return reports.summarize(model)


def test_it_is_a_data_frame(report):
    frame = report.to_frame()
    assert list(frame["name"]) == ["conv", "up"]
    assert frame["multiplications"].sum() == report.total.multiplications
    assert frame["flops"].sum() == report.total.flops


def test_it_is_markdown(report):
    first, rule, conv, *_, total = report.to_markdown().splitlines()
    assert first.startswith("| name | kind | output_shape | parameters | multiplications | flops |")
    assert set(rule) <= set("|-: ")
    assert conv.startswith("| conv | Conv2D | 30 × 30 × 4 | 112 | 97,200 | 194,400 |")
    assert total.startswith("| total | ")


def test_it_is_json(report):
    content = json.loads(report.to_json())
    assert content["title"] == "small"
    assert content["total"]["multiplications"] == report.total.multiplications
    assert content["rows"][0]["receptive_field"] == [3, 3]
    assert content["rows"][1]["stride"] == [0.5, 0.5]
    assert content["unknown"] == []


def test_it_is_a_rich_table(report):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(report)
    text = console.export_text()
    assert "97,200" in text and "small" in text and "total" in text
