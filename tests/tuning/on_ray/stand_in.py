"""Something that stands for Ray and runs tasks in this process, and a search on it."""

from types import SimpleNamespace

import keras

from keras_dlnotes import tuning


class RayError(Exception):
    """That a process or a machine was lost."""


class RayTaskError(RayError):
    """That a task raised an exception."""

    def __init__(self, cause):
        super().__init__(f"a traceback of {cause!r}")
        self.cause = cause


class RuntimeEnvSetupError(RayError):
    """That a process could not be prepared."""


class OutOfMemoryError(RayError):
    """That a process was ended for its memory."""


class Ray:
    """Stands for Ray; of its results, the first ones are lost."""

    exceptions = SimpleNamespace(
        RayError=RayError,
        RayTaskError=RayTaskError,
        RuntimeEnvSetupError=RuntimeEnvSetupError,
        OutOfMemoryError=OutOfMemoryError,
    )

    def __init__(self, losses=0, error=RayError, cores=2):
        self.losses, self.error, self.cores = losses, error, cores

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": self.cores}}]

    def put(self, value):
        return value

    def remote(self, **options):
        assert options["max_calls"] == 1 and options["max_retries"] == 0
        return lambda function: SimpleNamespace(
            remote=lambda *given: Task(lambda: function(*given))
        )

    def wait(self, references, timeout):
        return references[:1], references[1:]

    def get(self, reference):
        if self.losses:
            self.losses -= 1
            raise self.error("The machine is gone.\nIts log.")
        try:
            return reference.run()
        except Exception as error:
            raise RayTaskError(error) from error

    def cancel(self, reference, force):
        pass


class Task:
    """A task that is to be run."""

    def __init__(self, run):
        self.run = run


def build(hp):
    units = hp.Choice("units", [2, 4, 8], default=4)
    model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse")
    return model


def search(folder, table, **settings):
    training, validation = table
    return tuning.search(
        settings.pop("build", build),
        settings.pop("tuner", "random"),
        settings.pop("max_trials", 2),
        training=training,
        validation=validation,
        epochs=settings.pop("epochs", 2),
        directory=folder,
        **settings,
    )
