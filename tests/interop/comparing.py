"""Whether a PyTorch network and a Keras model compute the same after a load, and back."""

import keras
import numpy as np
import torch

from keras_dlnotes import interop
from tests.interop.networks import Recurrent, randomize


def sequential(shape, *stack):
    return keras.Sequential([keras.Input(shape), *stack])


def outputs_of(network, model, values):
    """Outputs of both for the same channels-last maps, sequences or indices."""
    inputs = torch.from_numpy(values)
    has_maps = values.ndim > 2 and not any(isinstance(m, Recurrent) for m in network.modules())
    with torch.no_grad():
        expected = network(inputs.movedim(-1, 1) if has_maps else inputs)
    if has_maps and expected.ndim > 2:
        expected = expected.movedim(1, -1)
    return keras.ops.convert_to_numpy(model(values)), expected.numpy()


def compare(network, model, values, names=None, tolerance=1e-5):
    randomize(network)
    # copies, because the network's own would change with it
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert interop.load_torch(model, state, names) is model
    ours, theirs = outputs_of(network, model, values)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    back = interop.to_torch(model, names, like=state)
    for name, tensor in state.items():
        if "num_batches_tracked" not in name:
            assert torch.equal(back[name], tensor), name
    randomize(network)
    network.load_state_dict(back, strict=True)
    again = outputs_of(network, model, values)
    np.testing.assert_array_equal(again, (ours, theirs))


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")
