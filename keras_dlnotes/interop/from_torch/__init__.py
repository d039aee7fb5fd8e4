"""PyTorch modules into Keras models, by their graphs."""

from keras_dlnotes.common.checks import argument_error, flag


def from_torch(module, example, check=True):
    """Converts a PyTorch module into a functional Keras model of the same weights.

    The model computes what the module computes in evaluation mode, and trains as it does in
    training mode, with its dropout and stochastic depth. `torch.export` reads the module's graph in
    both modes, so nothing about the weights is guessed. Layers are named after modules: `layer2.0`
    becomes `layer2_0`. Tensors that belong to no layer, such as position embeddings, become
    layers without operands.

    The model takes any number of examples. Heights and widths, and depths of volumes, are open,
    None in `model.input_shape`, if the tracer finds within 10 seconds of the processor for each
    mode that the module takes any, if every operation can be converted so, and if the model agrees
    with the module on a longer example. Otherwise all are the example's. The tracer does not tell
    whether the module has a branch for a single length, as in `if height == 224`, or for a length
    of 1.

    Maps are channels last: the model takes images as (batch, height, width, channels), and returns
    maps so. Where the module permutes or reshapes, the model moves data only if an operation needs
    it in another order; where it flattens maps, the rows of the layer behind are permuted instead.

    The model is saved and loaded like any other, also where PyTorch is not installed, after
    `import keras_dlnotes`. `interop.to_torch` returns its weights under PyTorch's names, equal bit
    by bit to the module's as long as they are not trained, and `interop.load_torch` loads another
    state dict of the same module.

    Args:
        module: a `torch.nn.Module`, whose modes and tensors are left as they are.
        example: a tensor that the module takes, the batch first, or a tuple of several. Other
            lengths are those of the model, but for the heights and widths that it leaves open.
        check: whether to compute the example by both, with two numbers of examples, and to compare.

    Returns:
        keras.Model: functional, not compiled. Where the module returns several tensors in a list or
            a dict, so does the model; outputs that the module has in training alone, auxiliary
            heads, come last.

    Raises:
        ValueError: for an invalid argument; for operations that have no counterpart, all of them
            listed, each with its module and the line of the program; for control flow or sizes
            that depend on data; for a parameter that no operation uses; for a module that
            computes one thing in training and another in evaluation; and, with `check`, if an
            output differs by more than 1e-4 of the largest.
        ImportError: if PyTorch is not installed.

    Example:

    >>> import torch
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> model = from_torch(network, torch.zeros(2, 3, 16, 16))
    >>> model.output_shape
    (None, None, None, 8)
    """
    import torch

    from keras_dlnotes.interop.compare import check_outputs
    from keras_dlnotes.interop.from_torch.model import convert

    flag("check", check)
    if not isinstance(module, torch.nn.Module):
        raise argument_error("module", "a torch.nn.Module", module)
    tensors = tuple(example) if isinstance(example, list | tuple) else (example,)
    if not all(isinstance(tensor, torch.Tensor) and tensor.ndim for tensor in tensors):
        raise argument_error(
            "example", "a tensor with the batch first, or a tuple of them", example
        )
    for name, tensor in module.state_dict().items():
        is_common = tensor.dtype == torch.float32 or not tensor.is_floating_point()
        if not is_common or tensor.is_complex() or tensor.device.type != "cpu":
            received = f"{name} in {tensor.dtype} on {tensor.device}"
            raise argument_error("module", "in float32 on the CPU", received)
    # the tracer takes a batch of one for one that cannot have another size
    tensors = tuple(torch.cat([t, t]) if t.shape[0] == 1 else t for t in tensors)
    model = convert(module, tensors)
    if check:
        for batch in (tensors, tuple(torch.cat([t, t[:1]]) for t in tensors)):
            check_outputs(model, module, batch)
    return model
