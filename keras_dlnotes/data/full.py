"""`tfds:NAME`: a whole data set of TensorFlow Datasets, already prepared or downloadable."""

import contextlib
import re
import sys
import threading
from urllib.parse import urlsplit

import requests
import tensorflow_datasets as tfds

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.data.cards import names
from keras_dlnotes.data.errors import DataUnavailableError

PREFIX = "tfds:"
# Long enough for a slow connection, short enough for an interactive user.
PROBE_SECONDS = 1.5


def find(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    """Returns the builder of `tfds:NAME`, which may not be prepared yet.

    Raises:
        ValueError: If TFDS has no such data set.
    """
    dataset = name.removeprefix(PREFIX)
    expected = "'tfds:' and a name of TensorFlow Datasets (`tfds.list_builders()` lists them)"
    error = argument_error("name", expected, name)
    # "namespace:name" would make TFDS ask its community servers; "name:1.0.0" is a version.
    if re.match(r"\w+:(?![\d*])", dataset):
        raise error
    try:
        return tfds.builder(dataset, data_dir=data_dir)
    except (ValueError, AssertionError) as cause:
        raise error from cause


def prepare(builder: tfds.core.DatasetBuilder) -> tfds.core.DatasetBuilder:
    """Downloads and writes the records; the progress goes to stderr, since it can take long.

    Raises:
        DataUnavailableError: At once where the server is out of reach, which TFDS would try for
            minutes, and where the preparation fails.
    """
    urls = [url for url in builder.url_infos or () if url.startswith("http")]
    url = urls[0] if urls else "https://storage.googleapis.com"
    if builder.data_path.exists():
        raise _unavailable(builder, f"{builder.data_path} is incomplete and must be removed")
    if not answers(url, PROBE_SECONDS):
        raise _unavailable(builder, f"{urlsplit(url).hostname} does not answer")
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare(download_config=config)
    # Anything can fail here: the download, a checksum, a package that the data set needs.
    except Exception as error:
        message = str(error).strip().partition("\n")[0]
        raise _unavailable(builder, f"{type(error).__name__}: {message}") from error
    return builder


def answers(url: str, seconds: float) -> bool:
    """Returns whether a server answers in time, with any status.

    The thread is what bounds the time: no timeout of a socket bounds the look-up of its name.
    """
    answered = threading.Event()

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            requests.head(url, timeout=seconds)
            answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()


def _unavailable(builder: tfds.core.DatasetBuilder, reason: str) -> DataUnavailableError:
    dataset = builder.info.full_name.rpartition("/")[0]
    folder = str(builder.data_dir_root)
    command = f"import tensorflow_datasets as tfds; tfds.load({dataset!r}, data_dir={folder!r})"
    return DataUnavailableError(
        f"Data set '{PREFIX}{dataset}' is not prepared in {folder} and cannot be now ({reason}): "
        f'run `python -c "{command}"` where there is a network, '
        f"or take a data set that comes with the package ({', '.join(names())})."
    )
