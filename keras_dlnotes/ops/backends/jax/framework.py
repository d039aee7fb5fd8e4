"""What the ops ask about JAX."""

import jax
from jax.experimental.compilation_cache import compilation_cache

from keras_dlnotes.ops.backends.framework import Framework


class JAX(Framework):
    """JAX, which traces every op under `jit`."""

    keeps_compiled = True
    needs_known_lengths = True

    def known_value(self, tensor):
        return None if isinstance(tensor, jax.core.Tracer) else tensor.item()

    def keep_compiled(self, folder):
        jax.config.update("jax_compilation_cache_dir", None if folder is None else str(folder))
        # an op of ours compiles faster than what JAX finds worth keeping
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        compilation_cache.reset_cache()  # JAX has decided once whether there is a cache


FRAMEWORK = JAX()
