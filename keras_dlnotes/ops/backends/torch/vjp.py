"""Joins `vjp`'s two functions on PyTorch."""

import torch

from keras_dlnotes.ops.vjp import finished


def join(forward, backward, plain, inference, finish, training, compiled, shared, calls):
    whole = finished(backward, finish)

    class Differentiable(torch.autograd.Function):
        @staticmethod
        def forward(context, *inputs):
            output, residuals = forward(*inputs)
            context.count = len(inputs)
            context.save_for_backward(*inputs, *residuals)
            return output

        @staticmethod
        def backward(context, *upstream):
            saved = context.saved_tensors
            inputs, residuals = saved[: context.count], saved[context.count :]
            if torch.is_grad_enabled():
                return _plain_gradient(plain, inputs, upstream, context.needs_input_grad)
            packed = upstream if len(upstream) > 1 else upstream[0]
            return tuple(whole(packed, inputs, residuals))

    def op(*inputs):
        return Differentiable.apply(*inputs) if torch.is_grad_enabled() else inference(*inputs)

    return op


def _plain_gradient(plain, inputs, upstream, needed):
    """The gradient through the plain forward, itself differentiable."""
    with torch.enable_grad():
        output = plain(*inputs)
        wanted = [entry for entry, kept in zip(inputs, needed, strict=True) if kept]
        outputs = output if isinstance(output, tuple) else (output,)
        pairs = [pair for pair in zip(outputs, upstream, strict=True) if pair[0].requires_grad]
        outputs, upstream = zip(*pairs, strict=True)
        found = iter(
            torch.autograd.grad(
                outputs, wanted, upstream, create_graph=True, materialize_grads=True
            )
        )
    return tuple(next(found) if kept else None for kept in needed)
