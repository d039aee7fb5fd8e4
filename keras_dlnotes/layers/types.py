"""Types of a layer's inputs: as in Keras, whole numbers are converted to its compute type."""

from keras_dlnotes.ops.dtypes import summable


def floating_inputs(layer, inputs):
    """Returns inputs that the layer can compute with, or raises for complex ones.

    Keras has cast floating-point inputs to the compute type. Whole numbers get its wide form, which
    rounds none of them before the computation, so that the result must be cast.
    """
    return summable("inputs", inputs, layer.compute_dtype)
