"""PyTorch's kernels for whole sequences, which it differentiates by itself.

They know no masks, and no noise that differs from gate to gate. On a GPU they would be cuDNN's,
which a layer may forbid.
"""

import torch

from keras_dlnotes.ops.recurrent.lstm_step import LSTMStep
from keras_dlnotes.ops.recurrent.simple_step import SimpleStep


def recurrence(*tensors, spec):
    """(*last states, *all h_t), one block after the other where there is truncation."""
    inputs, step, truncate = spec.unpack(tensors), spec.step, spec.truncate
    length = inputs.sequence.shape[1]
    if spec.optional or not step.is_standard or inputs.sequence.is_cuda or not length:
        return NotImplemented
    kernel, weights = _kernel(step), _weights(inputs, step)
    states, by_block = inputs.states, []
    blocks = [inputs.sequence] if truncate is None else inputs.sequence.split(truncate, dim=1)
    for block in blocks:
        if by_block:
            states = [state.detach() for state in states]
        outputs, *states = kernel(block, states, weights)
        by_block.append(outputs)
    return (*states, *([torch.cat(by_block, dim=1)] if spec.return_sequences else []))


def _kernel(step):
    """(sequence, states, weights) → (outputs, *last states), by the function of the step's kind."""
    if isinstance(step, SimpleStep):
        function = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}[step.activation]
    else:
        function = torch.lstm if isinstance(step, LSTMStep) else torch.gru

    def kernel(sequence, states, weights):
        # states are stacked by layers, of which there is one
        states = tuple(state[None] for state in states)
        outputs, *last = function(
            sequence,
            states if len(states) > 1 else states[0],
            weights,
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=True,
            bidirectional=False,
            batch_first=True,
        )
        return outputs, *(state[0] for state in last)

    return kernel


def _weights(inputs, step):
    """W, U and the biases of both, transposed and in PyTorch's order: r z n where ours is z r h."""
    kernels = [inputs.kernel.T, inputs.recurrent_kernel.T]
    bias = inputs.bias
    biases = [*bias] if step.biases else [bias, torch.zeros_like(bias)]
    if step.blocks != 3:
        return kernels + biases

    def reordered(rows):
        z, r, h = rows.chunk(3)
        return torch.cat([r, z, h])

    return [reordered(rows) for rows in kernels + biases]
