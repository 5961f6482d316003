"""A bar for work that isn't training."""

from typing import Any

import keras


class Progress:
    """Shows how far some work is: call it as `progress(done, total)`.

    Args:
        label: What is being done; printed when it starts.

    Example:

    >>> progress = Progress("counting")
    >>> progress(0, 0)
    counting
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            print(self.label, flush=True)
            self._bar = keras.utils.Progbar(total, unit_name="item")
        if total:
            self._bar.update(done)
