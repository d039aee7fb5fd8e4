"""Runs the examples that write a picture, and keeps each picture for the pages that show it.

    python -m docs.collect_examples [NAME …]

A picture goes to `docs/images/examples/`, with the name of its example.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from docs.collect_runs import small

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples"
PICTURES = DOCS / "images" / "examples"
WRITES = re.compile(r'savefig\("(\w+\.png)"\)')


def writers() -> dict[str, str]:
    """The examples that write a picture, and the picture's name."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}
    return {name: match[1] for name, text in sources.items() if (match := WRITES.search(text))}


def main(names: list[str]) -> None:
    """Collects the pictures of these examples, or of all that write one."""
    found = writers()
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in names or sorted(found):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(EXAMPLES / f"{name}.py")]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            picture = Image.open(Path(folder) / found[name]).convert("RGB")
            content = small(picture)
        (PICTURES / f"{name}.webp").write_bytes(content)
        print(f"{name}: {len(content) / 1000:.0f} kB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="examples; all that write a picture by default")
    main(parser.parse_args().names)
