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
        """Takes W and None, or the masks (blocks, batch, features), one for each block of W."""
        self._weights = weights
        self._transposed = ops.transpose(weights)
        self._masks = masks
        if masks is not None:
            # all gates are one product of stacks, in which the masks are just one factor more
            self._blocks = _stacked(weights, masks.shape[0])
            self._transposed_blocks = ops.transpose(self._blocks, (0, 2, 1))

    def product(self, x):
        """a = x W."""
        if self._masks is None:
            return _like(x, ops.matmul(_rows(x), self._weights))
        return _like(x, _side_by_side(ops.matmul(self._masked(x), self._blocks)))

    def adjoint(self, upstream):
        """∂E/∂x for D = ∂E/∂a."""
        if self._masks is None:
            return _like(upstream, ops.matmul(_rows(upstream), self._transposed))
        blocks = _stacked(_rows(upstream), self._masks.shape[0])
        products = _like(upstream, ops.matmul(blocks, self._transposed_blocks))
        return ops.sum(products * self._masks_like(upstream), axis=0)

    def gradient(self, x, upstream):
        """∂E/∂W, one matrix product over the batch and all steps."""
        if self._masks is None:
            return ops.matmul(ops.transpose(_rows(x)), _rows(upstream))
        blocks = _stacked(_rows(upstream), self._masks.shape[0])
        return _side_by_side(ops.matmul(ops.transpose(self._masked(x), (0, 2, 1)), blocks))

    def _masked(self, x):
        """x ⊙ m for each gate, (blocks, rows, features)."""
        masked = x * self._masks_like(x)
        if len(x.shape) == 2:
            return masked
        batch, time, width = ops.shape(x)
        return ops.reshape(masked, (masked.shape[0], batch * time, width))

    def _masks_like(self, x):
        return self._masks[:, :, None] if len(x.shape) == 3 else self._masks


class PerGateKernel:
    """W for one step of a loop that is not ours, in which `Kernel` would stack it at each step."""

    def __init__(self, weights, masks=None):
        """Takes what `Kernel` takes."""
        self._blocks = [weights] if masks is None else ops.split(weights, masks.shape[0], axis=-1)
        self._masks = masks

    def product(self, x):
        """a = x W."""
        if self._masks is None:
            return ops.matmul(x, self._blocks[0])
        pairs = enumerate(self._blocks)
        by_gate = [ops.matmul(x * self._masks[gate], block) for gate, block in pairs]
        return ops.concatenate(by_gate, axis=-1) if len(by_gate) > 1 else by_gate[0]


def sum_of_steps(sequence):
    """Σ over the batch and all steps, a product with ones.

    Not `ops.sum`: on a CPU, XLA (of TensorFlow 2.21) makes that a call that two threads must not
    enter for the first time together, as the halves of a batch may; the process would crash.
    """
    rows = _rows(sequence)
    return ops.matmul(ops.ones((1, ops.shape(rows)[0]), rows.dtype), rows)[0]


def _rows(x):
    """x as one matrix, (batch, features) or (batch · time, features)."""
    if len(x.shape) == 2:
        return x
    if x.shape[2]:
        return ops.reshape(x, (-1, x.shape[2]))
    batch, time, width = ops.shape(x)  # of no numbers, −1 could stand for any
    return ops.reshape(x, (batch * time, width))


def _like(x, rows):
    """Rows (…, features) as (batch, features) or (batch, time, features) again, like x."""
    if len(x.shape) == 2:
        return rows
    return ops.reshape(rows, (*rows.shape[:-2], *ops.shape(x)[:2], rows.shape[-1]))


def _stacked(matrix, count):
    """Blocks of columns one upon the other: (rows, count · width) as (count, rows, width)."""
    width = matrix.shape[-1] // count
    return ops.transpose(ops.reshape(matrix, (-1, count, width)), (1, 0, 2))


def _side_by_side(stack):
    """The inverse: (count, rows, width) as (rows, count · width)."""
    count, _, width = stack.shape
    return ops.reshape(ops.transpose(stack, (1, 0, 2)), (-1, count * width))
