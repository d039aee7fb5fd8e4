"""The drawings of the pages: `DRAWINGS` has a function for each name."""

from . import (
    architectures,
    autoencoders,
    convolution,
    gates,
    images,
    normalization,
    pooling,
    recurrent,
    separable,
)

MODULES = (
    images,
    convolution,
    pooling,
    separable,
    architectures,
    normalization,
    autoencoders,
    recurrent,
    gates,
)
DRAWINGS = {name: draw for module in MODULES for name, draw in module.DRAWINGS.items()}
