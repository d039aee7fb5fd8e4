"""Models serialized to bytes, in the formats of Keras's files.

Keras writes weights with HDF5, which crashes with a segmentation fault when the disk is full. Here
HDF5 writes to memory, and the bytes are written to disk like any others.
"""

import io
import struct
import tempfile
import zipfile
from pathlib import Path

import keras


class _Memory(io.BytesIO):
    """A file in memory with a name, from whose suffix Keras infers the format."""

    def __init__(self, name: str):
        super().__init__()
        self._name = name

    def __str__(self) -> str:
        return self._name


def weights_content(model: keras.Model) -> memoryview:
    """Returns the content of a `.weights.h5` file: the weights and the optimizer's variables."""
    file = _Memory("model.weights.h5")
    model.save_weights(file)
    return file.getbuffer()


def model_content(model: keras.Model) -> memoryview:
    """Returns the content of a `.keras` file."""
    file: io.BytesIO = _Memory("model.keras")
    try:
        model.save(file)
    except (ValueError, struct.error) as error:
        if "timestamps" not in str(error) and not isinstance(error, struct.error):
            raise
        file = _undated(model)
    return file.getbuffer()


def _undated(model: keras.Model) -> io.BytesIO:
    """Returns a `.keras` file without timestamps: ZIP supports only the years 1980 to 2107."""
    file = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="keras_dlnotes_") as scratch:
        keras.saving.save_model(model, scratch, zipped=False)
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(Path(scratch).rglob("*")):
                if path.is_file():
                    name = path.relative_to(scratch).as_posix()
                    archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return file
