"""What tests ask of a tensor on any backend."""

import keras


def dtype_of(tensor):
    return keras.backend.standardize_dtype(tensor.dtype)


def to_numpy(tensor):
    """Its values in NumPy, which knows no bfloat16, as float32."""
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))
