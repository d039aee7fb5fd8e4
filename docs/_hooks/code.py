"""Sessions as what they are, so that the copy button can leave out prompts and results."""

import re

SESSION = re.compile(r"^( *)```python\n(?= *>>> )", re.MULTILINE)


def on_page_markdown(markdown, page, config, files):
    """Calls a block that begins with `>>>` a session; its parts get classes of their own."""
    return SESSION.sub(r"\1```pycon\n", markdown)
