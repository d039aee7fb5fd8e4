"""Joins an op to its gradient on PyTorch."""

import torch


class Joined:
    """An op with its settings, as a function of tensors that PyTorch differentiates by its rule.

    PyTorch itself says whether a gradient may be asked for, and runs one call after the other: so
    `training` and `concurrent_calls` say nothing to it.
    """

    def __init__(self, op, training: bool, concurrent_calls: int):
        class Differentiable(torch.autograd.Function):
            @staticmethod
            def forward(context, *inputs):
                output, residuals = op.forward(*inputs)
                context.count, context.is_tuple = len(inputs), isinstance(output, tuple)
                context.save_for_backward(*inputs, *residuals)
                return output

            @staticmethod
            def backward(context, *upstream):
                saved = context.saved_tensors
                inputs, residuals = saved[: context.count], saved[context.count :]
                if torch.is_grad_enabled():
                    return _plain_gradient(op.plain, inputs, upstream, context.needs_input_grad)
                packed = upstream if context.is_tuple else upstream[0]
                return tuple(op.gradients(packed, inputs, residuals))

        self.inference, self.differentiable = op.inference, Differentiable

    def __call__(self, *inputs):
        if torch.is_grad_enabled():
            return self.differentiable.apply(*inputs)
        return self.inference(*inputs)


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
