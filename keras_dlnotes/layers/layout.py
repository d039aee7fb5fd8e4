"""Shapes in either layout: the channels as the last axis, or right after the batch."""


def channels_last(shape, data_format: str) -> tuple:
    """Returns a shape of this layout with its channels as the last axis.

    >>> channels_last((None, 3, 28, 30), "channels_first")
    (None, 28, 30, 3)
    """
    if data_format == "channels_last":
        return tuple(shape)
    batch, channels, *lengths = shape
    return (batch, *lengths, channels)


def in_layout(shape, data_format: str) -> tuple:
    """Returns a shape whose channels are the last axis in this layout.

    >>> in_layout((None, 28, 30, 3), "channels_first")
    (None, 3, 28, 30)
    """
    if data_format == "channels_last":
        return tuple(shape)
    batch, *lengths, channels = shape
    return (batch, channels, *lengths)
