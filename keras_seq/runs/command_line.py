"""The command line of a recipe, made from its dataclass and its functions."""

import dataclasses
import difflib
import importlib
import importlib.util
import inspect
import itertools
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from keras_seq.extras import quiet_import
from keras_seq.files import atomic_write
from keras_seq.runs import _outline, _parsing, _streams
from keras_seq.runs._ending import ends_in_words, stop
from keras_seq.runs._run_folder import of_another_recipe
from keras_seq.runs.run_directory import NOT_COMPARED, RunDirectory

_BACKENDS = ("tensorflow", "jax", "torch")


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
    main: Callable[[_ConfigT], object] | str,
    verbs: Mapping[str, Callable[..., object] | str],
    arguments: Sequence[str] | None = None,
    *,
    stdout: Literal["all", "answers"] = "all",
) -> None:
    """Runs a recipe from the shell: `[train] [flags]` or `VERB [flags]`.

    `train` is the default; its flags are the fields of `config_class`. The
    flags of a verb are the arguments of its function. What goes wrong is told
    in one line, and the exit status is then 1; 2, with the flags that there
    are, for flags that are not known or have a value that is refused; 130
    after Ctrl-C, 143 after SIGTERM, which ends it alike; 141 if nobody reads
    what it writes. Set KERAS_SEQ_TRACEBACK=1 to see where it went wrong.

    With `--resume` the settings of the run are its own: only the flags given
    again are compared with them. How to run (`out`, `resume`, `overwrite`) is
    never taken from there.

    Functions that are named, as `"package.module:function"`, are imported when the
    command line has been read and found right, without TensorFlow's notes: help and
    mistakes are answered at once, from the source. The `complete` of a config, if it
    has one, is called before that too, to refuse what it refuses.

    Args:
        config_class: Frozen dataclass with a documented field for each flag,
            `out` and `resume` among them.
        main: Function that takes a config, or its name.
        verbs: Dict from a verb to its function, or its name.
        arguments: What stands after the program's name; by default the
            shell's.
        stdout: What goes there: "all" that is printed; or "answers", which
            `print_or_write` and `answer_lines` write, alone, and what is printed goes
            to stderr, or with the flag `--quiet`, which there is then, nowhere.

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
    apart = stdout == "answers"
    quiet = apart and _taken_out("--quiet", arguments)
    named = bool(arguments) and not arguments[0].startswith("-")
    verb = arguments.pop(0) if named else "train"
    hint = " What is done is kept; --resume continues it." if verb == "train" else ""
    with ends_in_words(hint):
        work = _read(config_class, main, verbs, verb, arguments, apart)
        if not apart:
            work()
            return
        with _streams.answers_alone(quiet):
            work()


def _taken_out(flag: str, arguments: list[str]) -> bool:
    """Whether a flag that all commands have is given; what is left is the command's."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    there = flag in arguments[:end]
    arguments[:end] = [each for each in arguments[:end] if each != flag]
    return there


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


def shows_colours() -> bool:
    """Whether answers are printed where colours are seen, and are wanted.

    Returns:
        False where there is no terminal, and where NO_COLOR asks for none.

    Example:

    >>> shows_colours()
    False
    """
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and _streams.answers().isatty()


def print_or_write(text: str, out: str | os.PathLike[str] | None) -> None:
    """What a verb does with its result: `--out` names a file, else it is printed.

    It is printed on stdout, wherever `command_line` sends what else is printed.

    Args:
        text: String.
        out: File, which gets the text and a line's end, whole or not at all; or None.

    Example:

    >>> print_or_write('{"bleu": 41.0}', None)
    {"bleu": 41.0}
    """
    if out is None:
        print(text, file=_streams.answers())
    else:
        atomic_write(out, text + "\n")


def _read(
    config_class: type[_ConfigT],
    main: Callable[[_ConfigT], object] | str,
    verbs: Mapping[str, Callable[..., object] | str],
    verb: str,
    arguments: Sequence[str],
    apart: bool,
) -> Callable[[], object]:
    """What a command line asks for, which is found right and not begun."""
    module = main.partition(":")[0] if isinstance(main, str) else main.__module__
    program = _program(module)
    if verb == "train":
        also = "--quiet: print what goes wrong, and answers, alone." if apart else ""
        config = _parse_config(config_class, module, program, verbs, arguments, also)
        if isinstance(main, str):
            # It refuses what `main` would.
            getattr(config, "complete", lambda: None)()
        return lambda: _found(main)(config)
    if verb not in verbs:
        stop(f"error: {_not_among(verb, ['train', *verbs])}", 2)
    function = verbs[verb]
    form = _outlined(function) if isinstance(function, str) else function
    bound = _parsing.asked(form, arguments, prog=f"{program} {verb}")
    if isinstance(function, str):
        _check_run(form, bound.arguments, config_class)
    return lambda: _found(function)(*bound.args, **bound.kwargs)


def _not_among(name: str, names: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name.lower(), names, 1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    return f"{name!r} is not one of {', '.join(names)}.{hint}"


def _outlined(reference: str) -> Callable[..., Any]:
    """A function as far as its help goes."""
    try:
        return _outline.outline(*reference.split(":"))
    except NameError:  # its source alone doesn't tell: it takes longer
        return _found(reference)


def _found(function: Callable[..., Any] | str) -> Callable[..., Any]:
    if not isinstance(function, str):
        return function
    _check_backend()
    module, _, name = function.partition(":")
    quiet_import(module)
    if "tensorflow" in sys.modules:
        quiet_import("tensorflow_text")  # which may be imported only when it is used
        if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") > "1":
            # It warns of tracing, and of what Keras does with it.
            logging.getLogger("tensorflow").setLevel(logging.ERROR)
    found = getattr(importlib.import_module(module), name)
    keras: Any = sys.modules.get("keras")
    if keras is not None and (_streams.is_quiet() or not sys.stderr.isatty()):
        # A line an epoch comes from `EpochCheckpoint`: no bar is drawn in a file.
        keras.config.disable_interactive_logging()
    return found


def _check_backend() -> None:
    """Refuses a backend that isn't there, of which Keras tells in a traceback.

    Raises:
        ValueError: If there is none of that name.
        ImportError: If it isn't installed.
    """
    name = os.environ.get("KERAS_BACKEND")
    if not name:
        return
    if name not in _BACKENDS:
        raise ValueError(f"KERAS_BACKEND: {_not_among(name, _BACKENDS)}")
    if importlib.util.find_spec(name) is None:
        raise ImportError(
            f"KERAS_BACKEND is {name}, which is not installed: pip install {name}, or "
            "unset KERAS_BACKEND, for TensorFlow."
        )


def _check_run(
    form: Callable[..., Any], given: Mapping[str, Any], config_class: type
) -> None:
    """Refuses a run that is none, or of another recipe, before all that takes long.

    A verb that needs no run says so by the type `str | None` of its `run`.
    """
    parameter = inspect.signature(form).parameters.get("run")
    if parameter is not None and parameter.annotation is str:
        found = RunDirectory(given["run"])
        found.read_config(config_class)
        found._written("model.keras")  # or it hasn't finished


def _parse_config(
    config_class: type[_ConfigT],
    module: str,
    program: str,
    verbs: Mapping[str, object],
    arguments: Sequence[str],
    also: str,
) -> _ConfigT:
    loaded = sys.modules.get(module)
    about = inspect.getdoc(loaded) if loaded else _outline.description(module)
    others = ", ".join(f"{program} {verb}" for verb in verbs)
    paragraphs = (about, f"Other commands: {others} (each with --help).", also)
    description = "\n\n".join(filter(None, paragraphs))

    def parse(default: _ConfigT) -> _ConfigT:
        return _parsing.parse(
            config_class,
            arguments,
            prog=program,
            description=description,
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
    if other := of_another_recipe(Path(config.out), settings, type(config)):
        raise ValueError(other)
    if unknown := sorted(settings.keys() - names):
        raise ValueError(
            f"the run in {config.out!r} cannot be resumed: it has settings that are "
            f"not known here, {', '.join(unknown)}."
        )
    kept = {name: value for name, value in settings.items() if name not in NOT_COMPARED}
    return dataclasses.replace(config, **kept)


def _program(module: str) -> str:
    spec = getattr(sys.modules.get(module), "__spec__", None)
    name = spec.name if spec else module
    # A recipe is a folder, and is run by its name.
    return f"python -m {name.removesuffix('.recipe')}"
