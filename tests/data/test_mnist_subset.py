import gzip
import hashlib
import runpy

import numpy as np
import pytest

from keras_dlnotes.data.mnist_subset import ARCHIVE


@pytest.fixture(scope="module")
def rebuild():
    return runpy.run_path(str(ARCHIVE.with_name("rebuild.py")))


def test_archive_has_the_checksum_of_its_card(rebuild):
    checksum = hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()
    card = ARCHIVE.with_name("README.md").read_text(encoding="utf-8")
    assert f"`{checksum}`" in card
    assert rebuild["ARCHIVE_SHA256"] == checksum
    assert f"`{rebuild['SOURCE_SHA256']}`" in card
    assert f"{ARCHIVE.stat().st_size:,} bytes" in card


def test_archive_is_rebuilt_byte_for_byte(rebuild):
    with np.load(ARCHIVE) as archive:
        arrays = dict(archive)
    assert rebuild["write_archive"](arrays) == ARCHIVE.read_bytes()


def test_source_is_read_as_it_is_written(rebuild):
    with np.load(ARCHIVE) as archive:
        image, label = archive["image"][::500], archive["label"][::500]
    rows = np.column_stack([image.reshape(len(image), -1), label])
    table = "\n".join(",".join(map(str, row)) for row in rows.tolist())
    arrays = rebuild["read_source"](gzip.compress(table.encode()))

    np.testing.assert_array_equal(arrays["image"], image)
    np.testing.assert_array_equal(arrays["label"], np.arange(10))


def test_rebuild_refuses_another_source(rebuild):
    with pytest.raises(SystemExit, match=r"a\.csv must have SHA-256 00\. Received: e3b0c442"):
        rebuild["check"]("a.csv", b"", "00")
