"""How the train step of the recurrent layers grows with the number of time steps."""

import numpy as np
from sequences import KINDS, built, step
from timing import interleave, main

STEPS = [32, 64, 128, 256, 512, 1024, 2048, 4096]
BATCH, FEATURES, UNITS = 8, 16, 64


def measure(repeats: int, kinds) -> list[dict]:
    """Measures every length; the slope is that of log time over log length from 128 on."""
    from keras_dlnotes import layers

    rows = []
    for kind in kinds:
        name, settings, _ = KINDS[kind]
        shapes = [(BATCH, time, FEATURES, UNITS) for time in STEPS]
        rivals = {
            shape: step(
                built(getattr(layers, name)(UNITS, return_sequences=True, **settings), shape), shape
            )
            for shape in shapes
        }
        times = [time for time in interleave(rivals, repeats).values()]
        slope, _ = np.polyfit(np.log(STEPS[2:]), np.log(times[2:]), 1)
        rows += [
            {
                "layer": f"{kind} {BATCH}×{time}×{FEATURES}×{UNITS}",
                "ours ms": milliseconds,
                "μs a step": milliseconds * 1e3 / time,
                "slope": float(slope),
            }
            for time, milliseconds in zip(STEPS, times, strict=True)
        ]
    return rows


if __name__ == "__main__":
    main(__doc__, measure, tuple(KINDS))
