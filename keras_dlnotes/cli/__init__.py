"""The command line `dlnotes`: the only reader of arguments and the only printer.

Each command has a module, which adds it to the application where it is imported.
"""

import sys

from keras_dlnotes.common.extras import MissingPackageError, require

try:
    extras = {"report": "reports", "tune": "tasks,tuning"}
    require(extras.get("".join(sys.argv[1:2]), "tasks"), "rich", "typer")
except MissingPackageError as error:
    print(f"dlnotes: {error}", file=sys.stderr)
    sys.exit(2)

from keras_dlnotes.cli import fit, listing, report, tune
from keras_dlnotes.cli.application import MEANINGS, CommandError, ExitCode, main

COMMANDS = (listing, fit, tune, report)

__all__ = ["COMMANDS", "MEANINGS", "CommandError", "ExitCode", "main"]
