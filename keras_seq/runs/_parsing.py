"""A command line read into values, by tyro; what is wrong with it is said in words."""

import contextlib
import functools
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from keras_seq.extras import require

_T = TypeVar("_T")
_IN_WORDS = {int: "a whole number", float: "a number"}


def parse(form: Callable[..., _T], arguments: Sequence[str], **options: Any) -> _T:
    """Calls a function, or makes a dataclass, with what the arguments say.

    Args:
        form: Function or dataclass; the flags are its arguments.
        arguments: List of strings.
        **options: As for `tyro.cli`.

    Raises:
        SystemExit: 2, and what is wrong on stderr, where the arguments don't fit.
    """
    tyro = require("tyro", "recipes")
    registry = tyro.constructors.ConstructorRegistry()
    registry.primitive_rule(functools.partial(_number_in_words, tyro.constructors))
    with registry, _plain_where_not_seen():
        return tyro.cli(form, args=list(arguments), **options)


def asked(
    form: Callable[..., Any], arguments: Sequence[str], **options: Any
) -> inspect.BoundArguments:
    """The arguments with which a function would be called.

    Args:
        form: Function, which is not called.
        arguments: List of strings.
        **options: As for `tyro.cli`.
    """

    @functools.wraps(form)
    def bind(*args: Any, **kwargs: Any) -> inspect.BoundArguments:
        return inspect.signature(form).bind(*args, **kwargs)

    return parse(bind, arguments, **options)


def _number_in_words(constructors: Any, info: Any) -> Any:
    """The rule for numbers, and numbers that may be left out."""
    members = {info.type}
    if typing.get_origin(info.type) in (types.UnionType, typing.Union):
        members = set(typing.get_args(info.type))
    optional = type(None) in members
    kinds = members - {type(None)}
    if len(kinds) != 1 or not kinds <= _IN_WORDS.keys():
        return None
    (kind,) = kinds

    def read(texts: list[str]) -> Any:
        if optional and texts == ["None"]:
            return None
        try:
            return kind(texts[0])
        except ValueError:
            raise ValueError(
                f"expected {_IN_WORDS[kind]}; received {texts[0]!r}"
            ) from None

    return constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=kind.__name__.upper(),
        instance_from_str=read,
        is_instance=lambda x: isinstance(x, tuple(members)) or "~",
        str_from_instance=lambda x: [str(x)],
    )


@contextlib.contextmanager
def _plain_where_not_seen() -> Iterator[None]:
    """No colours where NO_COLOR asks for none, or one of both streams has no terminal.

    tyro looks at stdout alone, and writes what is wrong to stderr.
    """
    before = os.environ.get("TERM")
    seen = sys.stdout.isatty() and sys.stderr.isatty()
    if os.environ.get("NO_COLOR") or not seen:
        os.environ["TERM"] = "dumb"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("TERM", None)
        else:
            os.environ["TERM"] = before
