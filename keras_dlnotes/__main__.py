"""`python -m keras_dlnotes` is `dlnotes`."""

from keras_dlnotes.cli import main

if __name__ == "__main__":
    main()
