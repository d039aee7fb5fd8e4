"""Lines of text with wrong letters, and a network's corrections."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from keras_dlnotes.common.checks import argument_error, integer, same_length, texts
from keras_dlnotes.reports.plots.theme import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    WIDTH,
    new_figure,
    own_style,
)

LINE_HEIGHT = 0.21  # inches
LETTER_WIDTH = 0.6  # of the font size, in DejaVu Sans Mono


@own_style()
def plot_marked_lines(
    truth: Sequence[str], seen: Sequence[str], found: Sequence[str], limit: int = 8
) -> Figure:
    """Plots lines with wrong letters above their corrections, with the letters concerned marked.

    Wrong letters are orange and bold. In the line below, corrected ones are blue and bold, and
    those that are still wrong, or became wrong, orange and bold.

    Args:
        truth: The true lines.
        seen: The lines with wrong letters, of the same lengths.
        found: The corrected lines, of the same lengths.
        limit: How many lines to show at most, the first ones.

    Returns:
        A figure of text.

    Raises:
        ValueError: If the numbers of lines or their lengths differ, or there is no line.

    Reference:
        Lecture notes, "Not Only the Past, the Future may Also Matter".

    >>> figure = plot_marked_lines(["football"], ["fooEball"], ["football"])
    >>> [text.get_text() for text in figure.texts if text.get_fontweight() == "bold"]
    ['E', 't']
    """
    integer("limit", limit, 1)
    lines = {
        name: texts(name, value)
        for name, value in (("truth", truth), ("seen", seen), ("found", found))
    }
    same_length(**lines)
    if not lines["truth"]:
        raise argument_error("truth", "at least one line", [])
    for name, others in lines.items():
        for line, other in zip(lines["truth"], others, strict=True):
            if len(line) != len(other):
                raise argument_error(name, f"lines as long as the true {line!r}", other)
    triples = list(zip(*lines.values(), strict=True))[:limit]
    longest = max(1, *(len(line) for line, *_ in triples))
    height = LINE_HEIGHT * (3 * len(triples) + 0.5)
    figure = new_figure(WIDTH, height, layout="none")
    size = min(10.0, 0.96 * WIDTH * 72 / (longest * LETTER_WIDTH))
    for number, (line, before, after) in enumerate(triples):
        top = 1 - LINE_HEIGHT * (3 * number + 0.7) / height
        pairs = zip(line, before, strict=True)
        _write(figure, top, size, before, [INK if one == other else ORANGE for one, other in pairs])
        colours = [
            ORANGE if true != made else BLUE if true != given else MUTED
            for true, given, made in zip(line, before, after, strict=True)
        ]
        _write(figure, top - LINE_HEIGHT / height, size, after, colours)
    return figure


def _write(figure: Figure, top: float, size: float, line: str, colours: Sequence[str]) -> None:
    """Writes a line at a height, runs of one colour in one piece."""
    start = 0
    for position in range(1, len(line) + 1):
        if position < len(line) and colours[position] == colours[start]:
            continue
        figure.text(
            0.02 + start * LETTER_WIDTH * size / (72 * WIDTH),
            top,
            line[start:position],
            family="DejaVu Sans Mono",
            fontsize=size,
            color=colours[start],
            fontweight="bold" if colours[start] in (BLUE, ORANGE) else "normal",
            va="baseline",
        )
        start = position
