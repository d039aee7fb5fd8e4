"""Types of a layer's inputs: as in Keras, whole numbers are computed in its compute type."""

from keras_dlnotes.ops.dtypes import summable


def floating_inputs(layer, inputs):
    """Returns inputs that the layer can compute with; complex ones are refused by name.

    Keras has cast what is floating-point to the compute type. Whole numbers get its wide form, in
    which none is rounded before it is computed with, so that the result is what must be cast.
    """
    return summable("inputs", inputs, layer.compute_dtype)
