"""Rebuilds sunspots.npz, byte for byte, from the tables that statsmodels 0.15 ships.

Run it where statsmodels is installed: `python rebuild.py`. It writes nothing unless all files,
those that it reads and the one that it makes, have the checksums that stand here and in README.md.
"""

import re
from pathlib import Path

import numpy as np

from keras_dlnotes.data.vendored.rebuilding import rebuild

SOURCES = {
    "statsmodels/datasets/sunspots/sunspots.csv": (
        "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b"
    ),
    "statsmodels/datasets/sunspots/src/sunspots_monthly.dat": (
        "cc303d26340b6d599bc2878899f8c50c12323dc04b52a26ad047965ea2b9d2a3"
    ),
}
ARCHIVE = Path(__file__).with_name("sunspots.npz")
ARCHIVE_SHA256 = "7c24fb1486569a1e28096d3bf4195dd515d0cacc87183342b356a8b587a8d9e7"


def read_sources(yearly: bytes, monthly: bytes) -> dict[str, np.ndarray]:
    """Returns the years with their means, and the whole years' (year, 12 monthly means)."""
    years = np.loadtxt(yearly.decode().splitlines(), delimiter=",", skiprows=1)
    # "1749    58.0  62.6 …"; the last year, of which six months are there, is left out
    rows = re.findall(r"^(1[7-9]\d\d|20\d\d)((?: +\d+\.\d){12})", monthly.decode(), re.MULTILINE)
    return {
        "year": years[:, 0].astype(np.int16),
        "yearly": years[:, 1].astype(np.float32),
        "month_year": np.array([year for year, _ in rows], np.int16),
        "monthly": np.array([means.split() for _, means in rows], np.float32),
    }


if __name__ == "__main__":
    rebuild(ARCHIVE, ARCHIVE_SHA256, "statsmodels", SOURCES, read_sources)
