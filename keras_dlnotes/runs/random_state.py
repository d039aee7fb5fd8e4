"""The random state outside a model's variables: that of PyTorch's own generators.

On PyTorch, Keras's dropout without a seed draws from them, not from the model's seed generator.
"""

import base64

import keras


def random_states() -> list[str]:
    """Returns the states of PyTorch's generators, the CPU's first; none on other backends."""
    if keras.backend.backend() != "torch":
        return []
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return [base64.b64encode(state.numpy().tobytes()).decode() for state in states]


def set_random_states(states: list[str]) -> None:
    """Restores states saved on a machine with as many devices."""
    if keras.backend.backend() != "torch" or not states:
        return
    import torch

    of_cpu, *of_devices = (
        torch.frombuffer(bytearray(base64.b64decode(state)), dtype=torch.uint8) for state in states
    )
    torch.set_rng_state(of_cpu)
    for device, state in zip(range(torch.cuda.device_count()), of_devices, strict=False):
        torch.cuda.set_rng_state(state, device)
