"""What JAX can tell of a value before it compiles."""

import jax


def known(tensor):
    """Returns the value of a scalar, or None where JAX is tracing and has none yet."""
    return None if isinstance(tensor, jax.core.Tracer) else tensor.item()
