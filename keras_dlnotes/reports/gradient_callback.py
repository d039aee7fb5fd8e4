"""The flow of the gradient during training, as a callback."""

from os import PathLike
from pathlib import Path
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error, integer, path
from keras_dlnotes.reports.gradient_flow import Loss, check_settings, gradient_flow


class GradientFlow(keras.callbacks.Callback):
    """Looks at the flow of the gradient after epochs, and writes it for TensorBoard.

    For each layer there are the scalars `gradient_flow/LAYER/norm` (by step: that at the step
    where it enters) and `gradient_flow/LAYER/ratio` (by step: the smallest), beside the epoch.

    Args:
        inputs: A batch to look at, the same each time.
        targets: Its targets, for the loss that the model is compiled with.
        log_dir: The folder of TensorBoard's logs; None writes none.
        every: After each how many epochs.
        loss: As in `gradient_flow`.
        by: As in `gradient_flow`.

    Attributes:
        frames: The data frames of `gradient_flow` by epoch, from 0.

    Raises:
        ValueError: If `every` is below 1, or an argument is none of these.

    >>> batch = keras.ops.ones((2, 3, 1)), keras.ops.ones((2, 1))
    >>> model = keras.Sequential([keras.Input((3, 1)), keras.layers.SimpleRNN(1)])
    >>> model.compile("sgd", "mse")
    >>> flow = GradientFlow(*batch)
    >>> _ = model.fit(*batch, epochs=2, verbose=0, callbacks=[flow])
    >>> [len(frame) for frame in flow.frames.values()]
    [3, 3]
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any = None,
        log_dir: str | PathLike | None = None,
        every: int = 1,
        loss: Loss | None = None,
        by: str | None = None,
    ):
        super().__init__()
        integer("every", every, 1)
        check_settings(by, loss)
        if inputs is None or isinstance(inputs, str | bytes):
            raise argument_error("inputs", "a batch of arrays", inputs)
        if log_dir is not None:
            path("log_dir", log_dir)
        self.inputs = inputs
        self.targets = targets
        self.log_dir = log_dir
        self.every = every
        self.loss = loss
        self.by = by
        self.frames: dict[int, Any] = {}
        self._writer: Any = None

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        frame = gradient_flow(self.model, self.inputs, self.targets, self.loss, self.by)
        self.frames[epoch] = frame
        if self.log_dir is not None:
            import tensorflow

            try:
                self._write(self.log_dir, epoch, frame)
            except tensorflow.errors.OpError as error:  # of a type that may mean the memory
                raise OSError(f"Logs in {self.log_dir} can't be written: {error}") from error

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, log_dir: str | PathLike, epoch: int, frame: Any) -> None:
        import tensorflow

        if self._writer is None:
            folder = Path(log_dir, "gradient_flow")
            self._writer = tensorflow.summary.create_file_writer(str(folder))
        with self._writer.as_default(step=epoch):
            for layer, rows in frame.groupby("layer", sort=False):
                enters = (rows["ratio"] - 1).abs().fillna(float("inf")).idxmin()
                scalars = {"norm": rows["norm"][enters], "ratio": rows["ratio"].min()}
                if rows["step"].isna().all():
                    scalars = {"norm": rows["norm"].iloc[0], "ratio": rows["ratio"].iloc[0]}
                for name, value in scalars.items():
                    tensorflow.summary.scalar(f"gradient_flow/{layer}/{name}", value)
        self._writer.flush()
