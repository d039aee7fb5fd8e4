"""The notebooks as pages, with what each cell gave.

Every build runs both from the first cell to the last, in a new kernel, and keeps nothing for the
next one. A cell that fails, or takes longer than `LONGEST`, ends the build.
"""

import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
LONGEST = 300  # seconds of a cell
MATHS = re.compile(r"\$([^$]+)\$")
TITLE = re.compile(r"\A(# .*\n)")
# The look that pandas gives its tables; the site's own scrolls on a phone.
STYLE = re.compile(r"<style scoped>.*?</style>\n", re.DOTALL)
TABLE = re.compile(r'<table border="1" class="dataframe">')
INTRODUCTION = (
    "*[The notebook]({name}.ipynb), as it ran when this site was built. To run it: `pip install "
    "'.[notebooks]'` in a clone of the repository, then open it in Jupyter.*"
)


def on_files(files, config):
    """Adds a page for each notebook, its pictures, and the notebook itself."""
    from mkdocs.structure.files import File  # tests read this module without MkDocs

    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        page, pictures = shown(path.stem, executed(nbformat.read(path, as_version=4)))
        contents = {f"{path.stem}.md": page, **pictures, path.name: path.read_bytes()}
        for name, content in contents.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def executed(notebook):
    """The notebook with the outputs of its cells."""
    from nbclient import NotebookClient

    folder = {"metadata": {"path": str(ROOT)}}
    return NotebookClient(notebook, timeout=LONGEST, resources=folder).execute()


def shown(name, notebook):
    """A notebook as Markdown, and its pictures by the names of their files."""
    from nbconvert import MarkdownExporter

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = MATHS.sub(r"\\(\1\\)", cell.source)
        else:  # what libraries say of the machine is no output of the cell
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    page, resources = MarkdownExporter().from_notebook_node(
        notebook, resources={"output_files_dir": name, "unique_key": "cell"}
    )
    page = TITLE.sub(rf"\1\n{INTRODUCTION.format(name=name)}\n", page.lstrip())
    page = re.sub(r"!\[(png|svg)\]", "![What the cell above draws]", page)
    page = TABLE.sub("<table>", STYLE.sub("", page))
    return page, resources["outputs"]
