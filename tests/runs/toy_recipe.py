"""Learns nothing: a recipe for the tests of the command line.

It has a second paragraph.
"""

import dataclasses
import json
import os
import signal

from keras_seq.runs import RunDirectory, command_line


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    data: str = "toys"
    """What to learn from."""
    out: str = "runs/toy"
    """Where everything goes."""
    seed: int = 1
    """Seed of the dice."""
    epochs: int | None = None
    """Passes over the data."""
    rate: float = 0.5
    """Between 0 and 1."""
    quick: bool = False
    """Only to see that it works."""
    resume: bool = False
    """Continue the run in `out`."""
    overwrite: bool = False
    """Replace the run in `out`."""

    def __post_init__(self):
        if not 0 <= self.rate <= 1:
            raise ValueError(f"`rate` must be in [0, 1]; received {self.rate}.")


def main(config):
    """Prints what it was given."""
    RunDirectory.start(
        config.out, config, resume=config.resume, overwrite=config.overwrite
    )
    print(json.dumps(dataclasses.asdict(config)))
    if config.data == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    if config.data == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)


def say(text: str, times: int = 1, run: str = "runs/toy"):
    """Says it.

    Args:
        text: What to say.
        times: How often to say it.
        run: Folder of the run.
    """
    RunDirectory(run)
    print(" ".join([text] * times))


def fail(kind: str = "value"):
    """Fails.

    Args:
        kind: How.
    """
    errors = {
        "value": ValueError("first line\n    second line\n\nthird"),
        "empty": ValueError(),
        "file": FileNotFoundError(2, "No such file or directory", "a/b.csv"),
        "plain": OSError("no tunes there"),
        "import": ImportError("music21 is missing"),
        "runtime": RuntimeError("out of\tsteps"),
        "interrupt": KeyboardInterrupt(),
        "bug": ZeroDivisionError("a bug"),
        "pipe": BrokenPipeError(32, "Broken pipe"),
    }
    raise errors[kind]


if __name__ == "__main__":
    command_line(Config, main, {"say": say, "fail": fail})
