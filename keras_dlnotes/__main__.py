"""`python -m keras_dlnotes` is `dlnotes`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the working directory, where `dlnotes` finds no modules either
    from keras_dlnotes.cli import main

    main()
