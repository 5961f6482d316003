"""Answers and talks: a program for the tests of what goes where."""

import dataclasses

from keras_seq.runs import (
    Progress,
    RunDirectory,
    answer_lines,
    command_line,
    print_or_write,
    shows_colours,
)

WORD = "é"
OUT = "runs/toy"


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    out: str = OUT
    """Where everything goes."""
    resume: bool = False
    """Continue the run in `out`."""
    rate: float | None = None
    """At least 0."""

    def complete(self):
        """The settings; ValueError for a bad one."""
        if (self.rate or 0) < 0:
            raise ValueError(f"`rate` must be at least 0; received {self.rate}.")
        return self


def main(config):
    """Talks alone."""
    RunDirectory.start(config.out, config)
    print("training")


def say(times: int = 1, text: str = WORD, json: bool = False):
    """Answers.

    Args:
        times: How often.
        text: What to say.
        json: Whether in JSON Lines.
    """
    print("a note")
    progress = Progress("working")
    for done in range(1, 4):
        progress(done, 3)
    if json:
        answer_lines([text] * times, lambda some: [{"said": each} for each in some])
    else:
        print_or_write("\n".join([text] * times), None)
    print("colours" if shows_colours() else "no colours")


def fail(kind: str = "memory", run: str = OUT):
    """Fails.

    Args:
        kind: How.
        run: Folder of a run.
    """
    errors = {"memory": MemoryError("20 GB"), "end": EOFError("it ends too soon")}
    raise errors[kind]


if __name__ == "__main__":
    command_line(
        Config,
        "tests.runs.toy_program:main",
        {
            "say": "tests.runs.toy_program:say",
            "fail": "tests.runs.toy_program:fail",
        },
        stdout="answers",
    )
