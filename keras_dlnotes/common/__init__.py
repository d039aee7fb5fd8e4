"""What every part stands on: argument checks, atomic files, the wording of messages."""
