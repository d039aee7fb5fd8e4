"""What is vendored: small, described, and rebuilt byte for byte from its package."""

import gzip
import hashlib
import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_dlnotes import data

VENDORED = Path(data.__file__).parent / "vendored"
NAMES = sorted(path.parent.name for path in VENDORED.glob("*/rebuild.py"))


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def rebuild(name):
    return runpy.run_path(str(VENDORED / name / "rebuild.py"))


def test_every_archive_has_its_licence_card_and_script():
    assert NAMES == ["japanese_vowels", "mnist_subset", "nuclei", "pronunciation", "sunspots"]
    archives = list(VENDORED.rglob("*.npz"))
    assert {path.stem for path in archives} == set(NAMES)
    assert sum(path.stat().st_size for path in archives) < 4e6
    for path in archives:
        assert list(path.parent.glob("LICENSE-*.txt"))


def test_archive_has_the_checksum_of_its_card(name):
    script, archive = rebuild(name), VENDORED / name / f"{name}.npz"
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    card = archive.with_name("README.md").read_text(encoding="utf-8")
    assert script["ARCHIVE"] == archive
    assert script["ARCHIVE_SHA256"] == checksum
    assert f"`{checksum}`" in card
    assert f"{archive.stat().st_size:,} bytes" in card
    for source, expected in script["SOURCES"].items():
        assert f"`{source}`" in card
        assert f"`{expected}`" in card


def test_archive_is_rebuilt_byte_for_byte(name):
    from keras_dlnotes.data.vendored.rebuilding import write_archive

    archive = VENDORED / name / f"{name}.npz"
    with np.load(archive) as source:
        arrays = dict(source)
    assert write_archive(arrays) == archive.read_bytes()


class Distribution:
    """A package that is installed in a folder."""

    def __init__(self, folder):
        self.locate_file = folder.joinpath


@pytest.fixture
def shares(tmp_path, monkeypatch):
    """A package with one source of a few bytes, and the arguments to rebuild an archive of it."""
    monkeypatch.setattr("importlib.metadata.distribution", lambda _: Distribution(tmp_path))
    (tmp_path / "source.txt").write_bytes(b"\1\2\3")

    def read(content):
        return {"number": np.frombuffer(content, np.uint8)}

    from keras_dlnotes.data.vendored import rebuilding

    checksum = hashlib.sha256(rebuilding.write_archive(read(b"\1\2\3"))).hexdigest()
    source_checksum = hashlib.sha256(b"\1\2\3").hexdigest()
    archive = tmp_path / "numbers.npz"
    return rebuilding.rebuild, archive, checksum, {"source.txt": source_checksum}, read


def test_rebuild_writes_the_archive(shares):
    rebuild, archive, checksum, sources, read = shares
    rebuild(archive, checksum, "package", sources, read)
    with np.load(archive) as content:
        assert content["number"].tolist() == [1, 2, 3]


def test_rebuild_writes_nothing_of_another_source(shares):
    rebuild, archive, checksum, _, read = shares
    with pytest.raises(SystemExit, match=r"source\.txt must have SHA-256 00\. Received: 039058c6"):
        rebuild(archive, checksum, "package", {"source.txt": "00"}, read)
    assert not archive.exists()


def test_rebuild_writes_nothing_but_what_it_promises(shares):
    rebuild, archive, _, sources, read = shares
    with pytest.raises(SystemExit, match=r"numbers\.npz must have SHA-256 00"):
        rebuild(archive, "00", "package", sources, read)
    assert not archive.exists()


def test_mnist_subset_is_read_from_its_table():
    image = np.arange(2 * 784).reshape(2, 28, 28) % 256
    rows = np.column_stack([image.reshape(2, -1), [3, 7]])
    table = "\n".join(",".join(map(str, row)) for row in rows.tolist())
    arrays = rebuild("mnist_subset")["read_sources"](gzip.compress(table.encode()))
    np.testing.assert_array_equal(arrays["image"], image)
    np.testing.assert_array_equal(arrays["label"], [3, 7])


def test_nuclei_are_read_from_16_bit_pictures():
    pictures = {"image": np.array([[0, 235], [7, 1]]), "mask": np.array([[0, 183], [0, 2]])}
    contents = []
    for pixels in pictures.values():
        contents.append(io.BytesIO())
        Image.fromarray(pixels.astype(np.uint16)).save(contents[-1], "TIFF")
    arrays = rebuild("nuclei")["read_sources"](*(content.getvalue() for content in contents))
    for name, pixels in pictures.items():
        assert arrays[name].dtype == np.uint8
        np.testing.assert_array_equal(arrays[name], pixels)


def test_vowels_are_read_channel_by_channel():
    train = "#comment\n@data\n" + ":".join(f"{c},{c}.5" for c in range(12)) + ":1\n"
    test = "@data\n" + ":".join(f"-{c}" for c in range(12)) + ":9\n"
    arrays = rebuild("japanese_vowels")["read_sources"](train.encode(), test.encode())
    expected = [np.arange(12), np.arange(12) + 0.5, -np.arange(12)]
    np.testing.assert_array_equal(arrays["frame"], expected)
    assert arrays["length"].tolist() == [2, 1]
    assert arrays["speaker"].tolist() == [0, 8]


def test_sunspots_are_read_without_the_year_that_is_not_over():
    monthly = "Year  Jan\n1749    58.0" + "  62.6" * 11 + "\n\n2009     1.5   1.4\nNote: 1824\n"
    yearly = '"YEAR","SUNACTIVITY"\n1700,5\n1701,11.5\n'
    arrays = rebuild("sunspots")["read_sources"](yearly.encode(), monthly.encode())
    assert arrays["year"].tolist() == [1700, 1701]
    assert arrays["yearly"].tolist() == [5, 11.5]
    assert arrays["month_year"].tolist() == [1749]
    np.testing.assert_allclose(arrays["monthly"], [[58.0] + [62.6] * 11], rtol=1e-6)


def test_pronunciations_are_the_first_of_plain_words():
    dictionary = (
        "'bout B AW1 T\na AH0\na(2) EY1\naalen AE1 L AH0 N # place, german\n"
        "zoo Z UW1\nzoo(2) S UW1\nbe B IY1\n"
    )
    arrays = rebuild("pronunciation")["read_sources"](dictionary.encode())
    assert arrays["word"].tolist() == [b"be", b"zoo"]
    assert arrays["phonemes"].tolist() == [b"B IY1", b"Z UW1"]
