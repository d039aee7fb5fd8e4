"""Docstrings of layers that come in several ranks, from one template."""

GEOMETRY = """
        strides: int s ≥ 1, or {rank} of them.
        padding: {words} (Keras's words), int p ≥ 0 on every side, or for each axis an int
            or a (before, after) pair.
        data_format: "channels_last", "channels_first" or None, Keras's default.
        dilation_rate: spacing d ≥ 1 of the kernel's elements, or {rank} of them.""".lstrip("\n")

PADDING_MODE = """
        padding_mode: what the padding holds, keyword only, as in PyTorch: "zeros", "reflect" (the
            image, mirrored at the pixels of its edge), "replicate" (these pixels), or "circular"
            (the image's other end)."""

WEIGHTS_AND_SHAPES = """
        activation: the detector stage, applied last; None for none.
        use_bias: whether b is added.
        {initializers}, bias_initializer, {regularizers}, bias_regularizer,
            activity_regularizer, {constraints}, bias_constraint: as in Keras.

    Input shape:
        (batch, {lengths}, channels), or (batch, channels, {lengths}).

    Output shape:
        (batch, {lengths}, {filters}), or (batch, {filters}, {lengths}).
"""


def for_rank(template: str, rank: int, kernels=("kernel",), filters="filters", **more: str) -> str:
    """Returns the template with what depends on the rank and the kernels filled in, and `more`.

    >>> for_rank("{rank}-D: (batch, {lengths}, channels)", 2)
    '2-D: (batch, height, width, channels)'
    """
    names = {
        f"{part}s": ", ".join(f"{kernel}_{part}" for kernel in kernels)
        for part in ("initializer", "regularizer", "constraint")
    }
    return template.format(
        rank=rank,
        index=("i", "i, j", "i, j, l")[rank - 1],
        offset=("u", "u, v", "u, v, w")[rank - 1],
        volume=("k", "k²", "k³")[rank - 1],
        lengths=("length", "height, width", "depth, height, width")[rank - 1],
        words='"valid", "same", "causal"' if rank == 1 else '"valid", "same"',
        eights=", ".join(["8"] * rank),
        fours=", ".join(["4"] * rank),
        filters=filters,
        **names,
        **more,
    )
