"""What a network is, whatever its layers are called."""

import json
from typing import Any

import keras


def architecture(model: keras.Model) -> str:
    """A model's JSON, with numbers for the names of layers and operations.

    Names that nobody gave count what the process has made before: by them, the same
    network would be another each time.

    Args:
        model: Keras model.

    Returns:
        String.

    Example:

    >>> import keras
    >>> one, two = (
    ...     keras.Sequential([keras.Input((3,)), keras.layers.Dense(n)]) for n in (2, 2)
    ... )
    >>> one.to_json() == two.to_json(), architecture(one) == architecture(two)
    (False, True)
    """
    whole = json.loads(model.to_json())
    names: dict[str, str] = {}
    _collect(whole, names)
    return json.dumps(_replaced(whole, names), sort_keys=True)


def _collect(found: Any, names: dict[str, str]) -> None:
    """Numbers the names in the order in which they come."""
    if isinstance(found, dict):
        config = found.get("config")
        name = config.get("name") if isinstance(config, dict) else None
        if isinstance(name, str) and "Policy" not in found.get("class_name", ""):
            names.setdefault(name, f"number {len(names)}")
    for value in found.values() if isinstance(found, dict) else found:
        if isinstance(value, (dict, list)):
            _collect(value, names)


def _replaced(found: Any, names: dict[str, str]) -> Any:
    if isinstance(found, dict):
        return {key: _replaced(value, names) for key, value in found.items()}
    if isinstance(found, list):
        return [_replaced(value, names) for value in found]
    return names.get(found, found) if isinstance(found, str) else found
