"""The entry point of the script `dlnotes`.

It lies outside the package so that it can announce itself before the package is imported: the
command chooses the backend before Keras is imported, and prints its help without Keras.
"""

is_starting = False


def main() -> None:
    """Runs the command line of `keras_dlnotes`."""
    global is_starting
    is_starting = True
    from keras_dlnotes.cli import main

    main()
