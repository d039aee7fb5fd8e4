"""Networks drawn at random load right, or raise: never wrongly."""

import keras
import numpy as np
import pytest

# ruff: noqa: E402 (without PyTorch, the networks cannot even be imported)
torch = pytest.importorskip("torch")

from keras_dlnotes import interop
from tests.interop.networks import randomize
from tests.interop.random_networks import RandomNetwork


def loads(seed) -> bool:
    """Whether it loads; where it does, the outputs are compared."""
    both = RandomNetwork(seed)
    state = randomize(both.network).state_dict()
    try:
        interop.load_torch(both.model, state)
    except ValueError as error:
        assert "names" in str(error)
        return False
    values = np.random.default_rng(seed).normal(size=(2, *both.shape)).astype("float32")
    with torch.no_grad():
        expected = both.network(torch.from_numpy(values).movedim(-1, 1)).numpy()
    ours = keras.ops.convert_to_numpy(both.model(values))
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    back = interop.to_torch(both.model, like=state)
    assert all(torch.equal(back[key], state[key]) for key in back)
    return True


@pytest.mark.thorough
def test_a_few():
    loaded = [loads(seed) for seed in range(15)]
    assert sum(loaded) >= 8


@pytest.mark.slow
def test_many():
    loaded = [loads(seed) for seed in range(15, 400)]
    assert sum(loaded) >= len(loaded) / 2
