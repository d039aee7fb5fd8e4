"""The notebooks are as a reader should find them; `tox run -e notebooks` runs them."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import keras_dlnotes

nbformat = pytest.importorskip("nbformat")
notebooks = pytest.importorskip("docs._hooks.notebooks")
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def code(path):
    """The code of a notebook, without what is IPython's own."""
    cells = nbformat.read(path, as_version=4).cells
    lines = "\n".join(cell.source for cell in cells if cell.cell_type == "code").splitlines()
    return ast.parse("\n".join(line for line in lines if not line.startswith("%")))


def test_there_is_one_for_each_half_of_the_notes():
    assert [path.stem for path in NOTEBOOKS] == ["image_half", "sequence_half"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_valid_and_has_no_stored_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs") and not cell.get("execution_count")


def notebook_of(*sources):
    """A notebook of these cells of code, below a title and a formula."""
    cells = [nbformat.v4.new_markdown_cell("# A title\n\nThe sum $a + b$")]
    return nbformat.v4.new_notebook(cells=[*cells, *map(nbformat.v4.new_code_cell, sources)])


@pytest.mark.slow
def test_the_site_shows_what_the_cells_gave():
    pytest.importorskip("nbconvert")
    drawing = "%matplotlib inline\nfrom matplotlib import pyplot\n_ = pyplot.plot([1, 2])"
    notebook = notebooks.executed(notebook_of("print(20 + 22)", drawing))
    page, pictures = notebooks.shown("sums", notebook)
    assert page.startswith("# A title\n\n*[The notebook](sums.ipynb)")
    assert r"The sum \(a + b\)" in page and "    42" in page
    ((name, picture),) = pictures.items()
    assert f"![What the cell above draws]({name})" in page
    assert picture.startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_cell_that_fails_ends_the_build_of_the_site():
    pytest.importorskip("nbconvert")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        notebooks.executed(notebook_of("1 / 0", "print(3)"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_uses_public_names_only(path):
    nodes = list(ast.walk(code(path)))
    ours = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in ours} == {"keras_dlnotes"}
    parts = {alias.name for node in ours for alias in node.names}
    assert parts <= set(keras_dlnotes.__all__)
    used = {
        (node.value.id, node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in parts
    }
    assert {part for part, _ in used} == parts, "an import that nothing needs"
    for part, name in sorted(used):
        assert name in import_module(f"keras_dlnotes.{part}").__all__, f"{part}.{name}"
