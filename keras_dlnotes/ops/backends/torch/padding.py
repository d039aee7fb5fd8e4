"""What PyTorch's kernels pad by themselves: the same on both sides of an axis."""

from collections.abc import Sequence

from keras_dlnotes.ops.windows import Window


def divide_padding(
    window: Window, most: Sequence[int] | None = None
) -> tuple[tuple[int, ...], Window]:
    """Returns what the kernel pads on both sides, and a window with the rest.

    `most` limits what a kernel pads along each axis; None for no limit.
    """
    common = tuple(min(pair) for pair in window.pads)
    if most is not None:
        common = tuple(map(min, common, most))
    rest = tuple(
        (before - both, after - both)
        for (before, after), both in zip(window.pads, common, strict=True)
    )
    return common, window._replace(padding=rest)
