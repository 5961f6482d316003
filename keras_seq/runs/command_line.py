"""The command line of a recipe, made from its dataclass and its functions."""

import dataclasses
import inspect
import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Protocol, TypeVar

from keras_seq.extras import require
from keras_seq.files import atomic_write
from keras_seq.runs._terminating import Terminated, terminable
from keras_seq.runs.run_directory import NOT_COMPARED, RunDirectory


class _Config(Protocol):
    """A dataclass, frozen or not, with what every run is asked."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def out(self) -> str: ...
    @property
    def resume(self) -> bool: ...


_ConfigT = TypeVar("_ConfigT", bound=_Config)


def command_line(
    config_class: type[_ConfigT],
    main: Callable[[_ConfigT], object],
    verbs: Mapping[str, Callable[..., object]],
    arguments: Sequence[str] | None = None,
) -> None:
    """Runs a recipe from the shell: `[train] [flags]` or `VERB [flags]`.

    `train` is the default; its flags are the fields of `config_class`. The
    flags of a verb are the arguments of its function. What goes wrong is told
    in one line, and the exit status is then 1; 2, with the flags that there
    are, for flags that are not known or have a value that is refused; 130
    after Ctrl-C, 143 after SIGTERM, which ends it alike. Set KERAS_SEQ_TRACEBACK=1
    to see where it went wrong.

    With `--resume` the settings of the run are its own: only the flags given
    again are compared with them. How to run (`out`, `resume`, `overwrite`) is
    never taken from there.

    Args:
        config_class: Frozen dataclass with a documented field for each flag,
            `out` and `resume` among them.
        main: Function that takes a config.
        verbs: Dict from a verb to its function.
        arguments: What stands after the program's name; by default the
            shell's.

    Example:

    A recipe ends with:

    >>> import dataclasses
    >>> @dataclasses.dataclass(frozen=True)
    ... class Config:
    ...     out: str = "runs/mine"
    ...     resume: bool = False
    >>> def main(config):
    ...     print("training into", config.out)
    >>> command_line(Config, main, {}, ["--out", "here"])
    training into here
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    named = bool(arguments) and not arguments[0].startswith("-")
    verb = arguments.pop(0) if named else "train"
    program = _program(main)
    hint = " What is done is kept; --resume continues it." if verb == "train" else ""
    try:
        with terminable():
            if verb == "train":
                main(_parse_config(config_class, main, program, verbs, arguments))
            elif verb in verbs:
                tyro = require("tyro", "recipes")
                tyro.cli(verbs[verb], prog=f"{program} {verb}", args=arguments)
            else:
                known = ", ".join(["train", *verbs])
                _stop(f"error: {verb!r} is not one of {known}.", 2)
    except Terminated:
        _stop(f"terminated.{hint}", 143)
    except KeyboardInterrupt:
        _stop(f"interrupted.{hint}", 130)
    except BrokenPipeError:  # nobody reads on, as in `| head`
        # What is still in the buffer has nowhere to go when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        if os.environ.get("KERAS_SEQ_TRACEBACK"):
            raise
        _stop(f"error: {one_line(error)}", 1)


def check_out(out: str | os.PathLike[str] | None) -> None:
    """Refuses an `--out` that no file can have, before there is anything to lose.

    Args:
        out: File that will be written, or None.

    Raises:
        OSError: If it is a folder, or its folder is missing.

    Example:

    >>> check_out("figures.json")
    """
    if out is None:
        return
    if Path(out).is_dir():
        raise IsADirectoryError(f"`out` must name a file; {str(out)!r} is a folder.")
    if not Path(out).parent.is_dir():
        raise FileNotFoundError(
            f"`out` must be in a folder that exists; {str(out)!r} isn't."
        )


def picture_file(out: str | os.PathLike[str] | None, stem: str) -> Path:
    """The file for a picture that a verb draws.

    Args:
        out: The file that was asked for, or None: then one that isn't there yet, in
            the current folder.
        stem: Its name, without the suffix and a number.

    Returns:
        Path.

    Raises:
        OSError: As `check_out` does.

    Example:

    >>> picture_file(None, "gates_of_a_model").name
    'gates_of_a_model.png'
    """
    check_out(out)
    if out is not None:
        return Path(out)
    numbers = itertools.chain([""], (f"-{n}" for n in itertools.count(2)))
    paths = (Path(f"{stem}{number}.png") for number in numbers)
    return next(path for path in paths if not path.exists())


def print_or_write(text: str, out: str | os.PathLike[str] | None) -> None:
    """What a verb does with its result: `--out` names a file, else it is printed.

    Args:
        text: String.
        out: File, which gets the text and a line's end, whole or not at all; or None.

    Example:

    >>> print_or_write('{"bleu": 41.0}', None)
    {"bleu": 41.0}
    """
    if out is None:
        print(text)
    else:
        atomic_write(out, text + "\n")


def _parse_config(
    config_class: type[_ConfigT],
    main: Callable[[_ConfigT], object],
    program: str,
    verbs: Mapping[str, Callable[..., object]],
    arguments: Sequence[str],
) -> _ConfigT:
    tyro = require("tyro", "recipes")
    about = inspect.getdoc(sys.modules[main.__module__]) or ""
    others = ", ".join(f"{program} {verb}" for verb in verbs)
    description = f"{about}\n\nOther commands: {others} (each with --help)."

    def parse(default: _ConfigT) -> _ConfigT:
        return tyro.cli(
            config_class,
            prog=program,
            description=description,
            args=arguments,
            default=default,
        )

    config = parse(config_class())
    stored = Path(config.out) / "config.json"
    if config.resume and stored.is_file():
        config = parse(_resumed(config, RunDirectory(config.out).config))
    return config


def _resumed(config: _ConfigT, settings: Mapping[str, Any]) -> _ConfigT:
    """The stored settings of a run, but how to run is as `config` says."""
    names = {field.name for field in dataclasses.fields(config)}
    if unknown := sorted(settings.keys() - names):
        raise ValueError(
            f"the run in {config.out!r} cannot be resumed: it has settings that are "
            f"not known here, {', '.join(unknown)}."
        )
    kept = {name: value for name, value in settings.items() if name not in NOT_COMPARED}
    return dataclasses.replace(config, **kept)


def _program(main: Callable[..., object]) -> str:
    module = inspect.getmodule(main)
    spec = getattr(module, "__spec__", None)
    name = spec.name if spec else main.__module__
    # A recipe is a folder, and is run by its name.
    return f"python -m {name.removesuffix('.recipe')}"


def one_line(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    return " ".join(str(error).split()) or type(error).__name__


def _stop(message: str, status: int) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(status)
