"""Joins `vjp`'s two functions on JAX."""

import jax

from keras_dlnotes.ops.vjp import finished


def join(forward, backward, plain, inference, finish, training, compiled, shared, calls):
    backward = finished(backward, finish)

    @jax.jit
    @jax.custom_vjp
    def op(*inputs):
        return inference(*inputs)

    # JAX differentiates the rule of a gradient, and cannot see through a loop that writes in place
    @jax.custom_vjp
    def forward_with_residuals(*inputs):
        return forward(*inputs)

    def forward_with_residuals_rule(*inputs):
        output, residuals = forward_with_residuals(*inputs)
        return (output, residuals), (inputs, residuals)

    def from_output_alone(saved, upstream):
        return first_order(*saved, upstream[0])

    forward_with_residuals.defvjp(forward_with_residuals_rule, from_output_alone)

    def forward_rule(*inputs):
        output, residuals = forward_with_residuals(*inputs)
        return output, (inputs, residuals)

    def backward_rule(saved, upstream):
        return first_order(*saved, upstream)

    @jax.custom_vjp
    def first_order(inputs, residuals, upstream):
        return tuple(backward(upstream, inputs, residuals))

    def first_order_rule(inputs, residuals, upstream):
        return first_order(inputs, residuals, upstream), (inputs, upstream)

    def second_order(saved, upstream_of_gradients):
        inputs, upstream = saved
        present = [entry is not None for entry in upstream_of_gradients]

        def plain_gradients(wanted, upstream):
            _, pull_back = jax.vjp(
                lambda *wanted: plain(*_replace(inputs, present, wanted)), *wanted
            )
            return pull_back(upstream)

        wanted = tuple(entry for entry, kept in zip(inputs, present, strict=True) if kept)
        _, pull_back = jax.vjp(plain_gradients, wanted, upstream)
        found, d_upstream = pull_back(
            tuple(entry for entry in upstream_of_gradients if entry is not None)
        )
        return _replace([None] * len(inputs), present, found), None, d_upstream

    first_order.defvjp(first_order_rule, second_order)
    op.__wrapped__.defvjp(forward_rule, backward_rule)
    return op


def _replace(entries, present, by):
    """Returns the entries, those that are present replaced in turn."""
    by = iter(by)
    return tuple(next(by) if kept else entry for entry, kept in zip(entries, present, strict=True))
