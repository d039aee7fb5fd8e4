"""What the scripts that rebuild the vendored archives share."""

import hashlib
import importlib.metadata
import io
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np


def rebuild(
    archive: Path,
    checksum: str,
    package: str,
    sources: Mapping[str, str],
    read: Callable[..., dict[str, np.ndarray]],
) -> None:
    """Reads a package's files, verifies them and the archive made of them, and replaces that one.

    Args:
        archive: The file to write.
        checksum: Its SHA-256.
        package: The installed distribution that the sources are in.
        sources: The path of each source within it, and its SHA-256.
        read: The sources' contents, in their order → the archive's arrays.
    """
    distribution = importlib.metadata.distribution(package)
    contents = [Path(str(distribution.locate_file(source))).read_bytes() for source in sources]
    for (source, expected), content in zip(sources.items(), contents, strict=True):
        check(source, content, expected)
    content = write_archive(read(*contents))
    check(archive.name, content, checksum)
    unfinished = archive.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    os.replace(unfinished, archive)


def write_archive(arrays: Mapping[str, np.ndarray]) -> bytes:
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
