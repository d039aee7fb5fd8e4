"""Imports run one way: common → ops → layers → models → training → runs → tasks → tuning → cli.

`data` and `text` stand on `common`, `reports` on `common` and `ops`, `interop` on `layers`; they
meet the rest in `runs`, `tasks`, `tuning` and `cli`. No chain of imports is a circle.
"""

import ast
import graphlib
from pathlib import Path

import pytest

import keras_dlnotes

PACKAGE = Path(keras_dlnotes.__file__).parent
LINE = ["common", "ops", "layers", "models", "training", "runs", "tasks", "tuning", "cli"]
BELOW = {part: {"_version", *LINE[:number]} for number, part in enumerate(LINE)} | {
    "_version": set(),
    "config": {"common", "ops"},
    "data": {"common"},
    "text": {"common"},
    "reports": {"common", "ops"},
    "interop": {"common", "ops", "layers"},
}
for meeting in ("runs", "tasks", "tuning", "cli"):
    BELOW[meeting] |= {"data", "text", "reports", "interop"}
FRAMEWORKS = {"tensorflow", "jax", "torch"}
# The one module that may use private names of Keras, and those that subclass oracles of KerasTuner
# whose hooks have underscores.
EXEMPT = {
    "keras_dlnotes.common.graph",
    "keras_dlnotes.tuning.brackets",
    "keras_dlnotes.tuning.durable",
    "keras_dlnotes.tuning.oracles",
    "keras_dlnotes.tuning.parzen",
}


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(root: Path) -> dict[str, ast.Module]:
    """The syntax tree of every module of the package in this folder, by its name."""
    return {
        _name(path, root): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.py"))
        if "vendored" not in path.parts
    }


def imports_of(tree: ast.Module) -> set[str]:
    """Every module or name that a file imports anywhere, nested imports included."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            found |= {prefix, *(f"{prefix}.{alias.name}" for alias in node.names)}
    return found


def part_of(name: str) -> str:
    """The part that a module belongs to; "" for the package's own files."""
    part = [*name.split("."), ""][1]
    return "" if part in {"__main__", "_registration"} else part


def upward_arrows(modules: dict[str, ast.Module]) -> list[str]:
    """Imports of a part from where it must not be seen."""
    arrows = []
    for name, tree in modules.items():
        part = part_of(name)
        for imported in imports_of(tree):
            target = part_of(imported) if imported.split(".")[0] == "keras_dlnotes" else part
            is_named = target in BELOW and target != part and part
            if imported.startswith(".") or (is_named and target not in BELOW.get(part, set())):
                arrows.append(f"{name} imports {imported}")
    return sorted(arrows)


def files_of(tree: ast.Module, modules: dict[str, ast.Module]) -> set[str]:
    """The modules of the package that a file imports, the packages around them left out."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & modules.keys() or {node.module}
    return found & modules.keys()


def _circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def circle_in(modules: dict[str, ast.Module]) -> list[str]:
    """Modules that import each other, or none."""
    return _circle({name: files_of(tree, modules) for name, tree in modules.items()})


def folder_circle_in(modules: dict[str, ast.Module]) -> list[str]:
    """Folders that import each other, or none; those inside of each other do not count."""
    packages = {name.rpartition(".")[0] for name in modules} - {""}
    graph: dict[str, set[str]] = {}
    for name, tree in modules.items():
        folder = name if name in packages else name.rpartition(".")[0]
        for imported in files_of(tree, modules):
            target = imported if imported in packages else imported.rpartition(".")[0]
            within = f"{target}.".startswith(f"{folder}.") or f"{folder}.".startswith(f"{target}.")
            if not within:
                graph.setdefault(folder, set()).add(target)
    return _circle(graph)


def _own_attributes(modules: dict[str, ast.Module]) -> set[str]:
    """Private names that the package itself defines: methods, attributes, slots, module names."""
    own = {"_replace", "_fields", "_asdict", "_make"}  # of every namedtuple
    own |= {"_getframe", "_exit"}  # documented, in `sys` and `os`
    for tree in modules.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
                    own.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
    return own


def private_uses(modules: dict[str, ast.Module]) -> list[str]:
    """Private attributes of other packages, and ways around the setter of a Keras layer."""
    own = _own_attributes(modules)
    found = []
    for name, tree in modules.items():
        if name in EXEMPT:
            continue
        for node in ast.walk(tree):
            use = None
            if isinstance(node, ast.Attribute):
                is_private = node.attr.startswith("_") and not node.attr.endswith("__")
                if is_private and node.attr not in own:
                    use = f".{node.attr}"
                elif node.attr == "__setattr__" and ast.unparse(node.value) == "object":
                    use = "object.__setattr__"
                elif node.attr == "__dict__" and not isinstance(node.ctx, ast.Load):
                    use = ".__dict__"
            elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                if ast.unparse(node.value).startswith("vars("):
                    use = ast.unparse(node)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "setattr"}:
                attribute = node.args[1] if len(node.args) > 1 else None
                if isinstance(attribute, ast.Constant):
                    text = str(attribute.value)
                    if text.startswith("_") and not text.endswith("__") and text not in own:
                        use = ast.unparse(node)
            if use:
                found.append(f"{name}:{node.lineno} {use}")
    return found


MODULES = modules_of(PACKAGE)


def test_imports_point_one_way():
    assert upward_arrows(MODULES) == []


def test_every_part_is_known():
    assert {part_of(name) for name in MODULES} == {*BELOW, ""}


def test_files_import_in_no_circle():
    assert circle_in(MODULES) == []


def test_folders_import_in_no_circle():
    assert folder_circle_in(MODULES) == []


def test_keras_is_met_by_its_public_names():
    assert private_uses(MODULES) == []
    for name, tree in MODULES.items():
        private = {one for one in imports_of(tree) if one.startswith(("keras.src", "keras._"))}
        assert not private, name


COSTS, OTHER = "keras_dlnotes.reports.costs", "keras_dlnotes.reports.pages.other"
PLANTED = {
    "an upward arrow": ("ops/planted.py", "from keras_dlnotes import layers", upward_arrows),
    "one inside of a function": (
        "models/planted.py",
        "def f():\n    import keras_dlnotes.runs.folder",
        upward_arrows,
    ),
    "a part that stands apart": ("text/planted.py", "import keras_dlnotes.ops.conv", upward_arrows),
    "a relative import": ("ops/planted.py", "from .windows import Window", upward_arrows),
    "a circle of two files": (
        "ops/windows.py",
        "from keras_dlnotes.ops.conv import conv",
        circle_in,
    ),
    "a circle for types alone": (
        "ops/windows.py",
        "if TYPE_CHECKING:\n    from keras_dlnotes.ops import conv",
        circle_in,
    ),
    "a circle of folders": (
        "reports/costs/planted.py",
        "import keras_dlnotes.reports.pages.page",
        lambda modules: folder_circle_in(modules | {OTHER: ast.parse(f"import {COSTS}.planted")}),
    ),
    "Keras's layers": ("models/planted.py", "def f(m):\n    m._flatten_layers()", private_uses),
    "Keras's history": (
        "interop/planted.py",
        "def f(t):\n    return t._keras_history",
        private_uses,
    ),
    "Keras's nodes": ("interop/planted.py", "def f(t):\n    t._inbound_nodes[0]", private_uses),
    "an attribute by its name": (
        "runs/planted.py",
        "def f(t):\n    getattr(t, '_inbound_nodes', ())",
        private_uses,
    ),
    "a call put in place": (
        "runs/planted.py",
        "def f(l):\n    vars(l)['call'] = print",
        private_uses,
    ),
    "the setter of object": (
        "layers/planted.py",
        "def f(l):\n    object.__setattr__(l, 'states', ())",
        private_uses,
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(what):
    place, source, check = PLANTED[what]
    name = _name(PACKAGE / place, PACKAGE)
    before = ast.unparse(MODULES[name]) if name in MODULES else ""
    assert check(MODULES | {name: ast.parse(f"{before}\n{source}")})


def test_only_the_command_line_prints_or_reads_its_arguments():
    for name, tree in MODULES.items():
        if part_of(name) in {"cli", ""}:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) != "print", name
            elif isinstance(node, ast.Attribute):
                assert ast.unparse(node) != "sys.argv", name


def test_what_is_logged_is_printable():
    """Loggers come from `printable.get_logger`, which escapes what a terminal would obey."""
    for name, tree in MODULES.items():
        if name != "keras_dlnotes.common.printable":
            nodes = {
                ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)
            }
            assert "logging.getLogger" not in nodes, name


def test_frameworks_are_met_in_the_backends_alone():
    """A framework's operations are called in `ops.backends` alone."""
    for name, tree in MODULES.items():
        if part_of(name) not in {"ops", "layers", "models"}:
            continue
        for framework in {imported.split(".")[0] for imported in imports_of(tree)} & FRAMEWORKS:
            assert name.startswith(f"keras_dlnotes.ops.backends.{framework}."), (name, framework)


def test_files_have_one_idea_each():
    lengths = [
        len(path.read_text(encoding="utf-8").splitlines())
        for folder in (PACKAGE, Path(__file__).parent)
        for path in folder.rglob("*.py")
    ]
    assert max(lengths) <= 300
