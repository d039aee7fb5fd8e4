"""Pictures of what a model costs and sees, layer by layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from keras_dlnotes.common.checks import (
    argument_error,
    integer,
    mapping,
    same_length,
    sequence,
    text,
    texts,
)
from keras_dlnotes.reports.arrays import as_array, as_image, finite
from keras_dlnotes.reports.plain import axes_text
from keras_dlnotes.reports.plots.bars import draw_shares
from keras_dlnotes.reports.plots.theme import (
    BLUE,
    INK,
    ORANGE,
    WIDTH,
    draw_title,
    new_figure,
    own_style,
    shortened,
)

OTHERS = "all others"
LINE = 0.22  # inches a line of text
NAME_LENGTH = 22


@own_style()
def plot_costs(
    names: Sequence[str],
    multiplications: ArrayLike,
    parameters: ArrayLike,
    limit: int = 16,
) -> Figure:
    """Plots each layer's share of the multiplications and of the parameters, side by side.

    Args:
        names: The layers, in their order.
        multiplications: One number ≥ 0 for each; NaN where it is not known.
        parameters: One number ≥ 0 for each.
        limit: How many layers to show: those with the largest shares. The others are one bar.

    Returns:
        A figure with a row for each layer shown.

    Raises:
        ValueError: If there is no layer, the lengths differ, or the limit is below 1.

    >>> figure = plot_costs(["conv", "dense"], [300, 100], [30, 70])
    >>> [float(bar.get_width()) for bar in figure.axes[0].patches]
    [0.75, 0.25]
    """
    integer("limit", limit, 1)
    names = texts("names", names)
    costs = {
        "multiplications": as_array("multiplications", multiplications, ["(n,)"]),
        "parameters": as_array("parameters", parameters, ["(n,)"]),
    }
    costs["multiplications"][np.isnan(costs["multiplications"])] = 0
    for name, cost in costs.items():
        finite(name, cost, 0)
    same_length(names=names, **costs)
    shares = {kind: cost / (cost.sum() or 1) for kind, cost in costs.items()}
    largest = np.maximum(*shares.values())
    shown = np.sort(np.argsort(-largest, kind="stable")[:limit])
    labels = [shortened(names[number], NAME_LENGTH) for number in shown]
    bars = {kind: share[shown] for kind, share in shares.items()}
    if len(shown) < len(names):
        labels.append(OTHERS)
        bars = {kind: np.append(share, 1 - share.sum()) for kind, share in bars.items()}
    figure = new_figure(WIDTH, 0.9 + 0.24 * len(labels))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (kind, share), colour in zip(panels, bars.items(), (BLUE, ORANGE), strict=True):
        draw_shares(axes, labels, share, colour, room=1.25)
        draw_title(axes, f"share of\n{costs[kind].sum():,.0f} {kind}", fontsize=10)
    panels[0].invert_yaxis()
    panels[0].tick_params(labelcolor=INK)
    return figure


@own_style()
def plot_receptive_fields(
    input_shape: Sequence[int],
    sizes: Mapping[str, Sequence[int | None]],
    image: ArrayLike | None = None,
    limit: int = 8,
) -> Figure:
    """Plots how the receptive field grows over the input, layer by layer, around its middle.

    Args:
        input_shape: (height, width) of an image, or (time,) of a sequence.
        sizes: The size of the receptive field by layer, an entry for each axis, None for all of it.
        image: What to draw it over: shape (height, width) or (height, width, 1 or 3).
        limit: How many different sizes to show: the first, the last and some between.

    Returns:
        A figure with a frame for each size around the middle of the input, and their layers beside.

    Raises:
        ValueError: If there is no size, an entry is missing, or the shape has not one or two axes.

    Reference:
        Lecture notes, "Receptive Field".

    >>> figure = plot_receptive_fields((32, 32), {"conv": (3, 3), "pool": (4, 4)})
    >>> [text.get_text() for text in figure.axes[1].texts]
    ['3 × 3  conv', '4 × 4  pool']
    """
    shape = tuple(
        integer("input_shape", length, 1)
        for length in sequence("input_shape", input_shape, "lengths")
    )
    if len(shape) not in (1, 2):
        expected = "(height, width) or (time,)"
        raise argument_error("input_shape", expected, shape)
    integer("limit", limit, 1)
    picture = None if image is None else as_image("image", image)
    fields = _different_sizes(shape, sizes)
    chosen = np.unique(np.linspace(0, len(fields) - 1, min(limit, len(fields))).round().astype(int))
    fields = [fields[number] for number in chosen]
    is_sequence = len(shape) == 1
    height, width = (len(fields), *shape) if is_sequence else shape
    reach = max([width, *(size[-1] or 0 for _, size in fields)])
    tall = height if is_sequence else max([height, *(size[0] or 0 for _, size in fields)])
    drawing = 4.0  # inches; beside it stand the layers
    inches = float(np.clip(drawing * tall / reach, LINE * len(fields), 1.6 * drawing))
    figure = new_figure(WIDTH, inches + 0.2)
    axes, legend = figure.subplots(1, 2, width_ratios=(drawing, WIDTH - drawing))
    axes.axis("off")
    legend.axis("off")
    if picture is not None:
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0), alpha=0.6)
    # above the frames, one of which may be as large
    look: dict[str, Any] = {"edgecolor": INK, "linestyle": ":", "linewidth": 1.6, "zorder": 3}
    axes.add_patch(Rectangle((0, 0), width, height, fill=False, **look))
    for number, (name, size) in enumerate(fields):
        opacity = 0.35 + 0.65 * (number + 1) / len(fields)
        across = width if size[-1] is None else size[-1]
        down = 0.8 if is_sequence else height if size[0] is None else size[0]
        top = number + 0.1 if is_sequence else (height - down) / 2
        corner = (width - across) / 2, top
        look = {"color": BLUE, "alpha": opacity, "linewidth": 1.6}
        axes.add_patch(Rectangle(corner, across, down, fill=is_sequence, **look))
        line = (number + 0.5) / len(fields) if is_sequence else (number + 0.5) * LINE / inches
        entry = f"{axes_text(size, 'all')}  {shortened(name, NAME_LENGTH)}"
        legend.text(0, 1 - line, entry, va="center", color=INK, fontsize=9)
    left, top = (width - reach) / 2, (height - tall) / 2
    axes.set(
        xlim=(left - 0.02 * reach, left + 1.02 * reach),
        ylim=(top + 1.02 * tall, top - 0.02 * tall),
        aspect="auto" if is_sequence else "equal",
        anchor="NW",
    )
    return figure


def _different_sizes(shape: Sequence[int], sizes: Mapping[str, Sequence[int | None]]) -> list:
    """Returns the first layer with each size, in their order."""
    fields: dict[tuple, str] = {}
    for name, value in mapping("sizes", sizes, "from names of layers to sizes").items():
        size = sequence(f"sizes[{name!r}]", value, "lengths")
        if len(size) != len(shape):
            expected = f"sizes of {len(shape)} entries, one for each axis of the input"
            raise argument_error("sizes", expected, tuple(size), part=f"sizes[{name!r}]")
        lengths = [None if n is None else integer(f"sizes[{name!r}]", n, 1) for n in size]
        fields.setdefault(tuple(lengths), text("sizes", name, empty=True))
    return [(name, size) for size, name in fields.items()]
