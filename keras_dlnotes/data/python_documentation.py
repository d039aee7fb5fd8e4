"""Python's own documentation of its language, as a TFDS builder."""

import sys
from typing import Any

import tensorflow_datasets as tfds

from keras_dlnotes.data.embedded import PREFIX, EmbeddedBuilder
from keras_dlnotes.data.python_pages import split_pages


class PythonDocumentation(EmbeddedBuilder):
    """One page of plain English text an example; no paragraph is on two pages.

    The text is that of the running Python, whose version is also the data set's.
    """

    name = f"{PREFIX}python_documentation"
    VERSION = tfds.core.Version(".".join(map(str, sys.version_info[:3])))
    IN_ORDER = True

    def features(self) -> tfds.features.FeaturesDict:
        return tfds.features.FeaturesDict(
            {"text": tfds.features.Text(), "title": tfds.features.Text()}
        )

    def examples(self) -> dict[str, dict[str, Any]]:
        return {
            split: {"text": list(pages.values()), "title": list(pages)}
            for split, pages in split_pages().items()
        }
