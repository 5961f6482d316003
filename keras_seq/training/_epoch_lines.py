"""A plain line an epoch, where no bar can be drawn."""

import time
from typing import Any

import keras


class EpochLines(keras.callbacks.Callback):
    """Prints `epoch 3/24: loss 0.693, val_loss 0.701, 12 s`.

    Keras's own bar draws over itself, which fills a file with escape codes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begun = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        values = [f"{name} {float(value):.4g}" for name, value in (logs or {}).items()]
        seconds = f"{time.monotonic() - self._begun:.0f} s"
        told = ", ".join([*values, seconds])
        print(f"epoch {epoch + 1}/{self.params['epochs']}: {told}", flush=True)
