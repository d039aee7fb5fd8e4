"""Multi-head attention: PyTorch has the projections of queries, keys and values in one tensor."""

import numpy as np

from keras_dlnotes.interop.weight_mapping import WeightMapping


def attention_mappings(layer, path: str) -> list[WeightMapping]:
    """The mappings of a `keras.layers.MultiHeadAttention`."""
    sources = [layer.query_dense, layer.key_dense, layer.value_dense]
    widths = [source.kernel.shape[0] for source in sources]
    units = layer.num_heads * layer.key_dim
    projected = tuple(layer.output_dense.kernel.shape)
    if (
        layer.key_dim != layer.value_dim
        or widths[0] != units
        or projected != (layer.num_heads, layer.key_dim, units)
        or len(layer.weights) != (8 if layer.use_bias else 4)
    ):
        raise ValueError(
            f"Layer {path} takes {widths[0]} features to {layer.num_heads} heads of "
            f"{layer.key_dim} and {layer.value_dim}, and gives {projected[-1]}; in PyTorch's "
            "MultiheadAttention the features, heads times key_dim, heads times value_dim and the "
            "outputs are all embed_dim."
        )
    kernels = [source.kernel for source in sources]
    mappings = _in_one(kernels, units) if widths == [units] * 3 else _apart(kernels, units)
    shape = projected
    mappings.append(
        WeightMapping(
            (layer.output_dense.kernel,),
            {"out_proj.weight": (units, units)},
            lambda kernel: (kernel.reshape(units, units).T,),
            lambda weight: (weight.T.reshape(shape),),
        )
    )
    if layer.use_bias:
        heads = (layer.num_heads, layer.key_dim)
        mappings += [
            WeightMapping(
                tuple(source.bias for source in sources),
                {"in_proj_bias": (3 * units,)},
                lambda *biases: (np.concatenate([bias.reshape(-1) for bias in biases]),),
                lambda bias: tuple(group.reshape(heads) for group in np.split(bias, 3)),
            ),
            WeightMapping(
                (layer.output_dense.bias,),
                {"out_proj.bias": (units,)},
                lambda bias: (bias,),
                lambda bias: (bias,),
            ),
        ]
    return mappings


def _in_one(kernels, units) -> list[WeightMapping]:
    shape = tuple(kernels[0].shape)
    return [
        WeightMapping(
            tuple(kernels),
            {"in_proj_weight": (3 * units, units)},
            lambda *values: (np.concatenate([v.reshape(units, units).T for v in values]),),
            lambda weight: tuple(group.T.reshape(shape) for group in np.split(weight, 3)),
        )
    ]


def _apart(kernels, units) -> list[WeightMapping]:
    return [
        _projection(f"{name}_proj_weight", kernel, units)
        for name, kernel in zip("qkv", kernels, strict=True)
    ]


def _projection(name, kernel, units) -> WeightMapping:
    shape = tuple(kernel.shape)
    return WeightMapping(
        (kernel,),
        {name: (units, shape[0])},
        lambda value: (value.reshape(shape[0], units).T,),
        lambda weight: (weight.T.reshape(shape),),
    )
