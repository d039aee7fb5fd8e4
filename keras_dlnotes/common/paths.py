"""The module search path, with the standard library first."""

import os
import re
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

LIBRARY = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
ZIPPED = re.compile(r"python\d+\.zip")


def library_first(path: Iterable[str]) -> list[str]:
    """Returns a module search path on which no folder shadows the standard library.

    The working directory, which Python names "", becomes a folder like the others.

    >>> library = sorted(LIBRARY)
    >>> library_first(["", *library, "/packages"]) == [*library, os.getcwd(), "/packages"]
    True
    """
    entries = list(dict.fromkeys(_absolute(entry) for entry in path if isinstance(entry, str)))
    return [*filter(_is_library, entries), *(e for e in entries if e and not _is_library(e))]


def module_search_path() -> list[str]:
    """Returns where a process of ours finds what this one does, with the standard library first."""
    return list(dict.fromkeys([*library_first(sys.path), of_this_package()]))


def of_this_package() -> str:
    """Returns the folder that this package lies in."""
    return str(Path(__file__).parents[2])


def _absolute(entry: str) -> str:
    try:
        return os.path.abspath(entry)
    except OSError:  # the working directory has been removed
        return ""


def _is_library(entry: str) -> bool:
    name = os.path.basename(entry)
    return entry in LIBRARY or name == "lib-dynload" or bool(ZIPPED.fullmatch(name))
