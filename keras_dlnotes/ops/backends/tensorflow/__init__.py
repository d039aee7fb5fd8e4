"""TensorFlow's own kernels, and how an op is joined to its gradient there."""
