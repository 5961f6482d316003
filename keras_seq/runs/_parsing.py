"""A command line read into values, by tyro; what is wrong with it is said in words."""

import ast
import contextlib
import dataclasses
import functools
import inspect
import itertools
import os
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from keras_seq.extras import require

_T = TypeVar("_T")
_IN_WORDS = {int: "a whole number", float: "a number", str: "text"}


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
    registry.primitive_rule(functools.partial(_in_words, tyro.constructors))
    with registry, _plain_where_not_seen(), _documented(form):
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
    signature = inspect.signature(form)

    def bind(*args: Any, **kwargs: Any) -> inspect.BoundArguments:
        return signature.bind(*args, **kwargs)

    # Not `functools.wraps`: tyro would read the docstring behind it.
    bind.__name__, bind.__doc__ = form.__name__, _joined(inspect.getdoc(form) or "")
    bind.__signature__ = signature  # type: ignore[attr-defined]  # as `inspect` has it
    bind.__annotations__ = dict(form.__annotations__)
    return parse(bind, arguments, **options)


def _joined(doc: str) -> str:
    """A docstring with a line for each argument: tyro keeps the source's breaks."""
    lines: list[str] = []
    deep = " " * 8
    for line in doc.split("\n"):
        if line.startswith(deep) and lines and lines[-1].startswith(deep[4:]):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _in_words(constructors: Any, info: Any) -> Any:
    """The rule for numbers and text, and for those that may be left out."""
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


@contextlib.contextmanager
def _documented(form: Any) -> Iterator[None]:
    """Has a dataclass say of its fields, each in a line, what stands under them."""
    if not (isinstance(form, type) and dataclasses.is_dataclass(form)):
        yield
        return
    told: dict[str, str] = {}
    for each in reversed(inspect.getmro(form)):
        told |= _under_fields(each)
    own, fields = form.__doc__, (f"    {name}: {text}" for name, text in told.items())
    form.__doc__ = "\n".join([inspect.getdoc(form) or "", "", "Args:", *fields])
    try:
        yield
    finally:
        form.__doc__ = own


def _under_fields(form: type) -> dict[str, str]:
    """The strings under a class's fields, in a line each; none without a source."""
    try:
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(form))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    found = {}
    for field, below in itertools.pairwise(getattr(tree, "body", [])):
        text = isinstance(below, ast.Expr) and getattr(below.value, "value", None)
        if isinstance(field, ast.AnnAssign) and isinstance(text, str):
            found[ast.unparse(field.target)] = " ".join(text.split())
    return found
