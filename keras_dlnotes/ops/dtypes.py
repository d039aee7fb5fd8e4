"""Types of tensors: which ones an op takes, which one it computes in, and which one it sums in.

The rule is Keras's. Integers and booleans are computed in floating point, and the result has the
type of the computation; of several floating-point types the widest wins. Complex numbers are
refused: nothing here has a gradient for them, and a cast would drop the imaginary part.

Half-precision terms are summed in float32: in bfloat16, 257 ones add up to 256.
"""

import keras
from keras import ops

from keras_dlnotes.common.checks import argument_error

LARGE = 2.0**50  # beyond it, batch normalization scales values down before it squares them


def real(name: str, value):
    """Returns an argument as a tensor of real numbers, integers or booleans, or raises."""
    try:
        symbolic = isinstance(value, keras.KerasTensor)  # which has a type but no values
        tensor = value if symbolic else ops.convert_to_tensor(value)
        dtype = keras.backend.standardize_dtype(tensor.dtype)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise argument_error(name, "a tensor of real numbers", value) from error
    if not is_floating(dtype) and "int" not in dtype and dtype != "bool":
        raise argument_error(name, "a tensor of real numbers", f"one of type {dtype}")
    return tensor


def floating(**tensors) -> list:
    """Returns arguments, given by name, cast to the one type that they are computed in.

    >>> [keras.backend.standardize_dtype(x.dtype) for x in floating(x=[1, 2], y=[0.5])]
    ['float32', 'float32']
    """
    found = [real(name, value) for name, value in tensors.items()]
    dtype = float_type(*(tensor.dtype for tensor in found))
    return [ops.cast(tensor, dtype) for tensor in found]


def summable(name: str, value, dtype=None):
    """Returns an argument as a floating-point tensor whose values can be summed.

    Floating-point tensors stay as they are. Whole numbers get the wide form of the type of the
    computation, `dtype` or Keras's `floatx`: half precision would round 257 to 256 before the sum.
    """
    tensor = real(name, value)
    if is_floating(tensor.dtype):
        return tensor
    return ops.cast(tensor, wide(dtype or keras.config.floatx()))


def float_type(*dtypes) -> str:
    """Returns the floating-point type to compute in: Keras's `floatx` where all are integers."""
    names = [keras.backend.standardize_dtype(dtype) for dtype in dtypes]
    if "float64" in names:  # which becomes float32 in `result_type` on PyTorch
        return "float64"
    dtype = keras.backend.result_type(*names)
    return dtype if is_floating(dtype) else keras.config.floatx()


def wide(dtype) -> str:
    """Returns the type that sums are taken in: float32 for half precision, else the type itself."""
    dtype = keras.backend.standardize_dtype(dtype)
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def is_floating(dtype) -> bool:
    """Tells whether the type is a floating-point one."""
    return "float" in keras.backend.standardize_dtype(dtype)
