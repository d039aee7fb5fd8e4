"""Recurrent layers: train step and inference, against keras.layers, PyTorch and bare products."""

from sequences import KINDS, SHAPES, built, matrix_products, sequence, step, torch_sequence_step
from timing import interleave, main, tensorflow_forward


def measure(repeats: int, kinds) -> list[dict]:
    """Measures every shape of the kinds."""
    import keras

    from keras_dlnotes import layers

    rows = []
    for kind in kinds:
        name, settings, blocks = KINDS[kind]
        for shape in SHAPES:
            ours, theirs = (
                built(getattr(module, name)(shape[3], return_sequences=True, **settings), shape)
                for module in (layers, keras.layers)
            )
            steps = {
                "ours": step(ours, shape),
                "keras": step(theirs, shape),
                "keras under XLA": step(theirs, shape, jit_compile=True),
                "products": matrix_products(blocks, shape),
            }
            torch = torch_sequence_step(name, shape)
            if torch is not None:
                steps["torch"] = torch
            times = interleave(steps, repeats)
            forward = {
                rival: tensorflow_forward(layer, sequence(shape))
                for rival, layer in (("ours", ours), ("keras", theirs))
            }
            once = interleave(forward, repeats)
            rows.append(
                {
                    "layer": f"{kind} {'×'.join(map(str, shape))}",
                    "ours ms": times["ours"],
                    **{
                        f"{rival} / ours": times[rival] / times["ours"] if rival in times else None
                        for rival in ("keras", "keras under XLA", "torch")
                    },
                    "ours / products": times["ours"] / times["products"],
                    "forward ms": once["ours"],
                    "keras / ours, forward": once["keras"] / once["ours"],
                }
            )
    return rows


if __name__ == "__main__":
    main(__doc__, measure, tuple(KINDS))
