"""Rebuilds japanese_vowels.npz, byte for byte, from the files that sktime 1.2 ships.

Run it where sktime is installed: `python rebuild.py`. It writes nothing unless all files, those
that it reads and the one that it makes, have the checksums that stand here and in README.md.
"""

from pathlib import Path

import numpy as np

from keras_dlnotes.data.vendored.rebuilding import rebuild

SOURCES = {
    "sktime/datasets/data/JapaneseVowels/JapaneseVowels_TRAIN.ts": (
        "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd"
    ),
    "sktime/datasets/data/JapaneseVowels/JapaneseVowels_TEST.ts": (
        "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462"
    ),
}
ARCHIVE = Path(__file__).with_name("japanese_vowels.npz")
ARCHIVE_SHA256 = "193bdeb3be2b16c422ac9d1416a328a511ef013dbe92414c6bd65eaa3cbbaff9"


def read_sources(train: bytes, test: bytes) -> dict[str, np.ndarray]:
    """Returns the frames of all utterances one after the other, and the utterances' lengths."""
    utterances = [utterance for content in (train, test) for utterance in read_utterances(content)]
    frames, speakers = zip(*utterances, strict=True)
    return {
        "frame": np.concatenate(frames).astype(np.float32),
        "length": np.array([len(sequence) for sequence in frames], np.uint8),
        "speaker": np.array(speakers, np.uint8),
    }


def read_utterances(content: bytes) -> list[tuple[np.ndarray, int]]:
    """Returns (frames, speaker) of each line: 12 colon-separated channels, then 1 to 9."""
    lines = [line for line in content.decode().splitlines() if line and line[0] not in "#@"]
    utterances = []
    for line in lines:
        *channels, speaker = line.split(":")
        frames = np.array([channel.split(",") for channel in channels], np.float64).T
        utterances.append((frames, int(speaker) - 1))
    return utterances


if __name__ == "__main__":
    rebuild(ARCHIVE, ARCHIVE_SHA256, "sktime", SOURCES, read_sources)
