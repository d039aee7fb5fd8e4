"""Rebuilds nuclei.npz, byte for byte, from the pictures that stardist 0.9.2 ships.

Run it where stardist and pillow are installed: `python rebuild.py`. It writes nothing unless all
files, those that it reads and the one that it makes, have the checksums that stand here and in
README.md.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from keras_dlnotes.data.vendored.rebuilding import rebuild

SOURCES = {
    "stardist/data/images/img2d.tif": (
        "f9ccc1571b92c861ff87e28463068b43f61bd47357ed0503f711e5cd1eb97750"
    ),
    "stardist/data/images/mask2d.tif": (
        "59ad5e820b7982ca9d13e946fa6e7f64e2714899e00a2ae6c69aa79aad53d46f"
    ),
}
ARCHIVE = Path(__file__).with_name("nuclei.npz")
ARCHIVE_SHA256 = "754016b2f0030a2af53bde7e8370a70373c0d807a6bf35b6ba24b83b84d11421"


def read_sources(image: bytes, mask: bytes) -> dict[str, np.ndarray]:
    """Returns the pictures' 16-bit pixels as bytes, in which all of them fit."""
    pixels = {
        name: np.array(Image.open(io.BytesIO(content)))
        for name, content in (("image", image), ("mask", mask))
    }
    return {name: array.astype(np.uint8) for name, array in pixels.items()}


if __name__ == "__main__":
    rebuild(ARCHIVE, ARCHIVE_SHA256, "stardist", SOURCES, read_sources)
