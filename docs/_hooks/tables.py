"""Pages that are made of files: the changelog, the benchmarks, the notes' headings."""

import json
import re
from pathlib import Path

from draw import link  # its neighbour, which MkDocs lets a hook import
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
RESULTS = re.compile(r"^@results (\w+)$", re.MULTILINE)


def on_page_markdown(markdown, page, config, files):
    """Puts the table of a benchmark where `@results NAME` stands alone on a line."""
    return RESULTS.sub(lambda match: results(match[1]), markdown)


def on_files(files, config):
    """Adds the pages, as if they lay beside the others."""
    pages = {
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        "benchmarks.md": benchmarks(),
        "headings.md": headings(),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def benchmarks():
    """What was measured, a table a script, with machine and versions."""
    parts = [(ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")]
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        parts.append(f"## {path.stem.replace('_', ' ')}\n\n{results(path.stem)}")
    return "\n\n".join(parts)


def results(name):
    """What one script has measured, below the machine and the versions."""
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    if not path.exists():
        return f"Not measured yet; `python benchmarks/{name}.py --json FILE` does it."
    content = json.loads(path.read_text(encoding="utf-8"))
    machine = ", ".join(f"{name} {value}" for name, value in content["machine"].items())
    rows = [{name: row[name] for name in row if name != "remark"} for row in content["rows"]]
    remarks = [
        f"- {next(iter(row.values()))}: `{row['remark']}`"
        for row in content["rows"]
        if "remark" in row
    ]
    return "\n\n".join([machine, table(rows), "\n".join(remarks)]).strip()


def headings():
    """Each heading of the lecture notes, with the section, the code and the tests that show it."""
    rows = json.loads((ROOT / "docs" / "headings.json").read_text(encoding="utf-8"))
    shown = [
        {
            "heading of the notes": row["heading"],
            "drawings": ", ".join(map(link, row.get("drawings", []))),
            "section": f"[{row['page'].partition('#')[2].replace('-', ' ')}]({row['page']})",
            "code and tests": f"`{row['code']}`<br>`{row['tests']}`",
        }
        for row in rows
    ]
    return (
        "# The headings of the notes\n\nEach heading of the lecture notes, with the "
        "section that explains it, its code and its tests.\n\n" + table(shown)
    )


def table(rows):
    """A Markdown table of mappings; a fraction has three digits."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(cell(row.get(name)) for name in columns) + " |" for row in rows]
    return "\n".join(lines)


def cell(value):
    """A value as a reader sees it."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|")
