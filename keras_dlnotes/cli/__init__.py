"""The command line `dlnotes`: the only reader of arguments and the only printer.

Each command has a module, which adds it to the application where it is imported.
"""

from keras_dlnotes.cli import fit, listing, report, tune
from keras_dlnotes.cli.application import MEANINGS, CommandError, ExitCode, main

COMMANDS = (listing, fit, tune, report)

__all__ = ["COMMANDS", "MEANINGS", "CommandError", "ExitCode", "main"]
