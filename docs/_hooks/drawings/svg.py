"""What the drawings are made of: boxes, grids, arrows and labels.

A drawing is a few panels, which lie side by side on a desk's screen and below each other on a
phone's, so that its letters are of the same size on both. The page's style sheet gives the kinds
their colours: `input`, `kernel` (any weight), `output`, `gradient`, `gate`, and `plain`.
"""

import html
import itertools
import math
import re
from dataclasses import dataclass

MATHS = re.compile(r"\$([^$]*)\$")
SCRIPT = re.compile(r"([_^])(?:\{([^}]*)\}|(.))")
OTHER = {"ĉ": "c\u0302", "ĥ": "h\u0302", "ŷ": "y\u0302", "-": "−"}
ITALICS = {"A": 0x1D434, "a": 0x1D44E, "α": 0x1D6FC}  # the first of each row of letters
LOWERED = 3.5
HEAD = 7  # length of an arrow's head


@dataclass
class Drawing:
    """Panels above a caption."""

    caption: str
    panels: list

    def html(self, name):
        """The drawing as it stands on a page."""
        panels = "".join(panel.svg() for panel in self.panels)
        return (
            f'<figure class="drawing" id="drawing-{name}" data-search-exclude="">'
            f'<div class="panels">{panels}</div>'
            f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )


class Panel:
    """A picture of a width and a height; `title` says in words what there is to see."""

    def __init__(self, width, height, title):
        self.width, self.height, self.title = width, height, title
        self.parts = []

    def svg(self):
        """The panel as an element of a page."""
        size = f'viewBox="0 0 {self.width} {self.height}" style="--width: {self.width}"'
        return (
            f'<svg role="img" {size}>'
            f"<title>{html.escape(self.title)}</title>{''.join(self.parts)}</svg>"
        )

    def add(self, tag, kind="", content="", **attributes):
        """Adds an element."""
        listed = {"class": kind, **attributes} if kind else attributes
        named = "".join(f' {key.replace("_", "-")}="{shown(x)}"' for key, x in listed.items())
        self.parts.append(f"<{tag}{named}>{content}</{tag}>" if content else f"<{tag}{named}/>")

    def box(self, x, y, width, height, kind="plain", label="", radius=3):
        """A rectangle by its upper left corner, with a label in its middle."""
        self.add("rect", kind, x=x, y=y, width=width, height=height, rx=radius)
        lines = str(label).split("\n") if label != "" else []
        for number, line in enumerate(lines):
            offset = 15 * (number - (len(lines) - 1) / 2)
            self.text(x + width / 2, y + height / 2 + offset, line)

    def node(self, x, y, radius=9, kind="plain", label=""):
        """A circle around a point."""
        self.add("circle", kind, cx=x, cy=y, r=radius)
        if label != "":
            self.text(x, y, label)

    def text(self, x, y, words, kind="", anchor="middle"):
        """Words around a point, or from it on; between dollars, a formula: `$h_{t-1}$`."""
        kind = " ".join(name for name in (kind, anchor) if name not in ("", "middle"))
        content, level = "", 0.0
        for number, part in enumerate(MATHS.split(str(words))):
            if number % 2:
                added, level = formula(part)
                content += added
            elif part:
                back = f' dy="{-level:g}"' if level else ""
                content += f"<tspan{back}>{html.escape(part)}</tspan>"
                level = 0.0
        self.add("text", kind, content, x=x, y=y, dy=".35em")

    def grid(self, x, y, rows, size=24, kind="plain", kinds=None, height=None):
        """Cells with labels; `kinds` has those of single cells, by row and column."""
        height = height or size
        for i, row in enumerate(rows):
            for j, label in enumerate(row):
                own = (kinds or {}).get((i, j), kind)
                self.box(x + j * size, y + i * height, size, height, own, label, radius=0)

    def line(self, points, kind="line"):
        """A line through points."""
        self.add("polyline", kind, points=" ".join(f"{shown(x)},{shown(y)}" for x, y in points))

    def arrow(self, points, kind="line"):
        """A line through points, whose end has a head."""
        (x0, y0), (x1, y1) = points[-2:]
        angle = math.atan2(y1 - y0, x1 - x0)
        along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        back = (x1 - HEAD * along[0], y1 - HEAD * along[1])
        self.line([*points[:-1], back], kind)
        sides = [(back[0] + s * 3.5 * across[0], back[1] + s * 3.5 * across[1]) for s in (1, -1)]
        corners = " ".join(f"{shown(x)},{shown(y)}" for x, y in [(x1, y1), *sides])
        self.add("polygon", f"{kind} head", points=corners)

    def curve(self, path, kind="line"):
        """A curve by SVG's own commands."""
        self.add("path", kind, d=path)

    def stack(self, x, y, width, height, count, kind="plain", step=4):
        """Sheets behind each other, the last one in front; returns the front's corner."""
        for number in range(count):
            self.box(x + number * step, y + number * step, width, height, kind, radius=1)
        return x + (count - 1) * step, y + (count - 1) * step

    def wires(self, sources, targets, kind="line"):
        """A line from each point to each."""
        for pair in itertools.product(sources, targets):
            self.line(pair, kind)


def formula(text):
    """Letters in italics, indices below and exponents above the line; and where it ends."""
    parts = SCRIPT.split(text)
    content, back = f'<tspan class="math">{italics(parts[0])}</tspan>' if parts[0] else "", 0.0
    for mark, braced, single, rest in zip(*[iter(parts[1:])] * 4, strict=True):
        moved = LOWERED if mark == "_" else -1.4 * LOWERED
        script = italics(braced or single)
        content += f'<tspan class="math script" dy="{moved - back:g}">{script}</tspan>'
        back = moved
        if rest:
            content += f'<tspan class="math" dy="{-back:g}">{italics(rest)}</tspan>'
            back = 0.0
    return content, back


def italics(text):
    """Letters as the mathematical ones, which the site's font of formulas has."""
    return "".join(_italic(letter) for letter in "".join(OTHER.get(x, x) for x in text))


def _italic(letter):
    if letter == "h":  # Unicode has it elsewhere, as Planck's
        return "\u210e"
    for first, target in ITALICS.items():
        if 0 <= ord(letter) - ord(first) < 26:
            return chr(target + ord(letter) - ord(first))
    return html.escape(letter)


def shown(value):
    """A number without needless digits."""
    return f"{value:.6g}" if isinstance(value, float) else html.escape(str(value))


def whole(array):
    """An array of whole numbers as rows of labels."""
    return [[f"{value:g}".replace("-", "−") for value in row] for row in array]
