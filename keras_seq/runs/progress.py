"""How far work is that isn't training."""

import shutil
import sys
import time

_SECONDS = 0.1, 30.0  # between two signs of life, on a terminal or not
_WIDTH = 20  # of a bar


class Progress:
    """Shows how far some work is: call it as `progress(done, total)`.

    A terminal and a notebook have a bar. Elsewhere, as in a file or a server's log,
    there are whole lines alone, and few: when it begins, when it ends, and one every 30
    seconds.

    Args:
        label: What is being done; printed when it starts.

    Example:

    >>> progress = Progress("counting")
    >>> progress(0, 0)
    counting
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._begun: float | None = None
        self._last = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._begun is None:
            print(self.label, flush=True)
            self._begun = self._last = now
        if not total:
            return
        drawn = _can_be_drawn_over()
        finished = done >= total
        if not finished and now - self._last < _SECONDS[0 if drawn else 1]:
            return
        self._last = now
        counted = f"{done}/{total}, {now - self._begun:.0f} s"
        if drawn:
            self._draw(done / total, counted, end="\n" if finished else "")
        else:
            print(f"  {counted}", flush=True)

    def _draw(self, share: float, counted: str, end: str) -> None:
        full = min(round(share * _WIDTH), _WIDTH)
        line = f"[{'=' * full}{' ' * (_WIDTH - full)}] {counted}"
        columns = shutil.get_terminal_size().columns - 1  # a full line would wrap
        print("\r" + line[:columns].ljust(min(columns, 60)), end=end, flush=True)


def _can_be_drawn_over() -> bool:
    """Whether a line that is printed can be replaced by the next."""
    return "ipykernel" in sys.modules or bool(
        getattr(sys.stdout, "isatty", lambda: False)()
    )
