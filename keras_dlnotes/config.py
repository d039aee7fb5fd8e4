"""What is set for the whole process; each setting has an environment variable too."""

from keras_dlnotes.ops.compilation import (
    compilation_cache,
    is_compilation_enabled,
    set_compilation,
)

__all__ = ["compilation_cache", "is_compilation_enabled", "set_compilation"]
