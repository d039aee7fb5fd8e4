"""What the ops ask about PyTorch."""

import torch

from keras_dlnotes.ops.backends.framework import Framework


class PyTorch(Framework):
    """PyTorch, which runs ops one by one as they are."""

    prefers_own_kernels = True
    loops_in_python = True

    def has_gpu(self) -> bool:  # Keras lists no devices of PyTorch
        return torch.cuda.is_available()

    def known_value(self, tensor):
        if torch.compiler.is_compiling() or tensor.device.type == "meta":
            return None
        return tensor.item()


FRAMEWORK = PyTorch()
