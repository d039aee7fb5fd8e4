"""Whether Keras is exporting a model at the moment."""

import inspect


def is_exporting() -> bool:
    """Tells whether the layer is being traced by `keras.Model.export`.

    An exported model runs in other programs, and some formats, ONNX for one, know no calls that a
    compiler must see. Keras tells a layer nothing about an export, so this looks who is calling.
    """
    frame = inspect.currentframe()
    while frame is not None:
        module = frame.f_globals.get("__name__", "").split(".")
        if module[0] == "keras" and "export" in module:
            return True
        frame = frame.f_back
    return False
