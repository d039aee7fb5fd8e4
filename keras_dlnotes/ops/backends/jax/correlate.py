"""JAX's kernel for `correlate`; its adjoints are exact transposes that XLA derives."""

import jax

from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window):
    letters = "DHW"[-len(window.size) :]
    return jax.lax.conv_general_dilated(
        inputs,
        kernel,
        window.strides,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=inputs.shape[-1] // kernel.shape[-2],
    )


def adjoint_in_inputs(upstream, kernel, window: Window, shape):
    like = jax.ShapeDtypeStruct(shape, upstream.dtype)
    return jax.linear_transpose(lambda x: correlate(x, kernel, window), like)(upstream)[0]


def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    like = jax.ShapeDtypeStruct(kernel_shape, upstream.dtype)
    return jax.linear_transpose(lambda k: correlate(inputs, k, window), like)(upstream)[0]
