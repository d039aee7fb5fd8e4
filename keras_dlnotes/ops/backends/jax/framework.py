"""What the ops ask about JAX."""

import jax

from keras_dlnotes.ops.backends.framework import Framework


class JAX(Framework):
    """JAX, which traces every op under `jit`."""

    needs_known_lengths = True

    def known_value(self, tensor):
        return None if isinstance(tensor, jax.core.Tracer) else tensor.item()


FRAMEWORK = JAX()
