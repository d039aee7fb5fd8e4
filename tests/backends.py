"""Which backend a test runs on, and the one way to say that a test belongs to some of them."""

import keras
import pytest

BACKEND = keras.backend.backend()
BACKENDS = ("tensorflow", "jax", "torch")


def only_on(*backends: str, reason: str) -> pytest.MarkDecorator:
    """Marks what can exist on these backends alone: it is skipped on the others, and says why."""
    unknown = set(backends) - set(BACKENDS)
    if unknown or not backends:
        raise ValueError(f"`backends` must be some of {BACKENDS}. Received: {backends}")
    return pytest.mark.skipif(
        BACKEND not in backends, reason=f"{' or '.join(backends)} only: {reason}"
    )


carries_states = only_on("tensorflow", "torch", reason="JAX's train step cannot carry states")
