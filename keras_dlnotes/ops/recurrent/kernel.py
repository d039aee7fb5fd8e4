"""A product with a kernel of several gates, its adjoint, and its gradient.

The kernel W has a block of columns for each gate. Under dropout every gate may see the inputs
through a mask of its own,

    a_g = (x ⊙ m_g) W_g        ∂E/∂x = Σ_g m_g ⊙ (D_g W_gᵀ)        ∂E/∂W_g = (x ⊙ m_g)ᵀ D_g

where D is ∂E/∂a and the last is summed over the batch and over time.
"""

from keras import ops


class Kernel:
    """W, for one step (batch, …) or a sequence (batch, time, …), with dropout masks or without."""

    def __init__(self, weights, masks=None):
        """Takes W and None, or a mask (batch, features) for each of W's blocks of columns."""
        self._weights = weights
        self._transposed = ops.transpose(weights)
        self._masks = masks
        if masks is not None:
            self._blocks = ops.split(weights, len(masks), axis=1)
            self._transposed_blocks = [ops.transpose(block) for block in self._blocks]

    def product(self, x):
        """a = x W."""
        if self._masks is None:
            return _matmul(x, self._weights)
        products = [
            _matmul(x * mask, block)
            for mask, block in zip(self._masks_like(x), self._blocks, strict=True)
        ]
        return ops.concatenate(products, axis=-1)

    def adjoint(self, upstream):
        """∂E/∂x for D = ∂E/∂a."""
        if self._masks is None:
            return _matmul(upstream, self._transposed)
        masks = self._masks_like(upstream)
        blocks = ops.split(upstream, len(masks), axis=-1)
        return sum(
            mask * _matmul(block, transposed)
            for mask, block, transposed in zip(masks, blocks, self._transposed_blocks, strict=True)
        )

    def gradient(self, x, upstream):
        """∂E/∂W, one matrix product over the batch and all steps."""
        if self._masks is None:
            return _sum_of_outer_products(x, upstream)
        masks = self._masks_like(x)
        blocks = ops.split(upstream, len(masks), axis=-1)
        gradients = [
            _sum_of_outer_products(x * mask, block)
            for mask, block in zip(masks, blocks, strict=True)
        ]
        return ops.concatenate(gradients, axis=-1)

    def _masks_like(self, x):
        return [mask[:, None] for mask in self._masks] if len(x.shape) == 3 else self._masks


def _rows(x):
    return ops.reshape(x, (-1, ops.shape(x)[-1]))


def _matmul(x, weights):
    """x W, as one product of two matrices, for x (batch, features) or (batch, time, features)."""
    if len(x.shape) == 2:
        return ops.matmul(x, weights)
    product = ops.matmul(_rows(x), weights)
    return ops.reshape(product, (*ops.shape(x)[:-1], ops.shape(weights)[1]))


def _sum_of_outer_products(x, upstream):
    return ops.matmul(ops.transpose(_rows(x)), _rows(upstream))
