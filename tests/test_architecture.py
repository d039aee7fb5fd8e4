"""Imports run one way: common → ops → layers → models → training → runs → tasks → tuning → cli.

`interop` stands on `layers`; `data` and `text` on `common` alone, `reports` on `common` and `ops`.
These meet the rest in `runs`, `tasks`, `tuning` and `cli`.
"""

import ast
from pathlib import Path

import pytest

import keras_dlnotes

PACKAGE = Path(keras_dlnotes.__file__).parent
LINE = [
    "_version",
    "common",
    "ops",
    "layers",
    "models",
    "training",
    "interop",
    "runs",
    "tasks",
    "tuning",
    "cli",
]
BESIDE = {"data": {"common"}, "text": {"common"}, "reports": {"common", "ops"}}
MEET_BESIDE = {"runs", "tasks", "tuning", "cli"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "vendored" not in path.parts)


def _part(path: Path) -> str:
    """The stage that a file belongs to; "" for the package's own files."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first in {"__init__", "__main__", "_registration"} else first


def _imports(path: Path):
    """Every module that the file imports, nested imports included, by absolute name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _imported_parts(path: Path) -> set[str]:
    names = [name.split(".") for name in _imports(path)]
    return {name[1] for name in names if name[0] == "keras_dlnotes" and len(name) > 1}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    part = _part(path)
    for imported in _imported_parts(path) - {part, "__version__", "_registration"}:
        if part in BESIDE:
            assert imported in BESIDE[part], f"{part} must not import {imported}"
            continue
        if not part or imported == "common":
            continue
        if imported in BESIDE:
            assert part in MEET_BESIDE, f"{part} must not import {imported}"
        else:
            assert LINE.index(imported) < LINE.index(part), f"{part} must not import {imported}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_private_of_keras(path):
    assert not [name for name in _imports(path) if name.startswith(("keras.src", "keras._"))]


def test_every_part_is_known():
    assert {_part(path) for path in MODULES} <= {*LINE, *BESIDE, ""}


def test_only_the_command_line_prints_or_reads_its_arguments():
    for path in MODULES:
        if _part(path) in {"cli", ""}:
            continue
        tree = ast.parse(path.read_text())
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"], (
            path
        )
        assert "sys.argv" not in path.read_text(), path


def test_what_is_logged_is_printable():
    """Loggers come from `printable.get_logger`, which escapes what a terminal would obey."""
    for path in set(MODULES) - {PACKAGE / "common" / "printable.py"}:
        assert "logging.getLogger(" not in path.read_text(), path


def test_frameworks_are_met_in_the_seam_alone():
    """Only `vjp` and modules named after a framework know one."""
    for path in (PACKAGE / "ops").rglob("*.py"):
        frameworks = {name.split(".")[0] for name in _imports(path)} & {
            "tensorflow",
            "jax",
            "torch",
        }
        if frameworks:
            assert path.stem == "vjp" or path.parent.name in frameworks, path
