"""Joins an op to its gradient on JAX."""

import jax

from keras_dlnotes.ops.compilation import is_compilation_enabled


class Joined:
    """An op with its settings, as a function of tensors that JAX differentiates by its rule.

    JAX computes whatever is asked for and divides work by itself, so `training` and
    `concurrent_calls` say nothing to it.
    """

    def __init__(self, op, training: bool, concurrent_calls: int):
        self.op = op
        whole = jax.custom_vjp(lambda *inputs: op.inference(*inputs))
        whole.defvjp(self._forward_rule, self._backward_rule)
        self._whole = jax.jit(whole) if is_compilation_enabled() else whole
        # JAX differentiates the rule of a gradient, and cannot see through a loop that writes in
        # place: so the forward pass with residuals has a rule of its own
        self._forward = jax.custom_vjp(lambda *inputs: op.forward(*inputs))
        self._forward.defvjp(self._residuals_rule, self._from_output_alone)
        self._first_order = jax.custom_vjp(self._gradients)
        self._first_order.defvjp(self._gradients_rule, self._second_order)

    def __call__(self, *inputs):
        return self._whole(*inputs)

    def _forward_rule(self, *inputs):
        output, residuals = self._forward(*inputs)
        return output, (inputs, residuals)

    def _backward_rule(self, saved, upstream):
        return self._first_order(*saved, upstream)

    def _residuals_rule(self, *inputs):
        output, residuals = self._forward(*inputs)
        return (output, residuals), (inputs, residuals)

    def _from_output_alone(self, saved, upstream):
        return self._first_order(*saved, upstream[0])

    def _gradients(self, inputs, residuals, upstream):
        return tuple(self.op.gradients(upstream, inputs, residuals))

    def _gradients_rule(self, inputs, residuals, upstream):
        return self._first_order(inputs, residuals, upstream), (inputs, upstream)

    def _second_order(self, saved, upstream_of_gradients):
        inputs, upstream = saved
        present = [entry is not None for entry in upstream_of_gradients]

        def plain_gradients(wanted, upstream):
            _, pull_back = jax.vjp(
                lambda *wanted: self.op.plain(*_replace(inputs, present, wanted)), *wanted
            )
            return pull_back(upstream)

        wanted = tuple(entry for entry, kept in zip(inputs, present, strict=True) if kept)
        _, pull_back = jax.vjp(plain_gradients, wanted, upstream)
        found, d_upstream = pull_back(
            tuple(entry for entry in upstream_of_gradients if entry is not None)
        )
        return _replace([None] * len(inputs), present, found), None, d_upstream


def _replace(entries, present, by):
    """Returns the entries, those that are present replaced in turn."""
    by = iter(by)
    return tuple(next(by) if kept else entry for entry, kept in zip(entries, present, strict=True))
