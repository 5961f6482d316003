"""Changing an object for the time of a block."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def replaced(thing: object, name: str, value: object) -> Iterator[None]:
    """Within it, an attribute of the instance is another; then as it was before.

    It goes past `__setattr__`, with which Keras tracks attributes.
    """
    attributes = vars(thing)
    there = name in attributes
    before = attributes.get(name)
    attributes[name] = value
    try:
        yield
    finally:
        if there:
            attributes[name] = before
        else:
            del attributes[name]
