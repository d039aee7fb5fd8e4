"""`@widget NAME`, alone on a line, becomes the widget that `docs/javascripts/NAME.js` builds.

The scripts come with the page that needs them, and so does what they read: a page works from disk,
where a browser fetches nothing.
"""

import re
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "javascripts"
DIRECTIVE = re.compile(r"^@widget (\w+)$", re.MULTILINE)


def on_page_markdown(markdown, page, config, files):
    """Puts the widgets in, the shared script before the first."""
    up = "../" * page.file.url.count("/")
    found = DIRECTIVE.findall(markdown)
    for name in found:
        if not (SCRIPTS / f"{name}.js").is_file():
            raise ValueError(f"no widget is called {name}: there is no docs/javascripts/{name}.js")
    placed = DIRECTIVE.sub(lambda match: host(match[1]), markdown)
    scripts = [f'<script src="{up}javascripts/{name}.js"></script>' for name in ("widget", *found)]
    return "\n\n".join([placed, *scripts]) if found else markdown


def host(name):
    """Where the widget will be, with the numbers that it reads."""
    data, numbers = SCRIPTS / f"{name}.json", ""
    if data.is_file():
        content = data.read_text(encoding="utf-8")
        numbers = f'<script type="application/json" id="{name}-data">{content}</script>'
    return (
        f'<div class="widget" data-widget="{name}" data-search-exclude>'
        f"<p>This needs JavaScript.</p></div>{numbers}"
    )
