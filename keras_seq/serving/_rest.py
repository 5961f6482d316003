"""Predict requests and responses in JSON, by TensorFlow Serving's rules.

Reference: TensorFlow Serving, "RESTful API", sections "Request format",
"Response format", "JSON mapping" and "Encoding binary values".
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


class RestError(ValueError):
    """A request that the server answers with status 400."""


def parse_request(
    body: bytes, inputs_of: Callable[[str], Mapping[str, Any]]
) -> tuple[str, dict[str, np.ndarray], bool]:
    """Reads a predict request.

    Args:
        body: The JSON text.
        inputs_of: From a signature's name to its inputs' NumPy dtypes (object
            for strings); raises `RestError` for an unknown name.

    Returns:
        The signature's name, its inputs, and whether the request was in row
        format (`instances`), which decides the format of the response.

    Raises:
        RestError: If the request does not fit the signature.
    """
    try:
        request = json.loads(body)
    except ValueError as error:
        raise RestError(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise RestError("The request must be a JSON object")
    signature = request.get("signature_name", "serving_default")
    if not isinstance(signature, str):
        raise RestError("'signature_name' must be a string")
    dtypes = inputs_of(signature)
    if ("instances" in request) == ("inputs" in request):
        raise RestError("The request must have one of 'instances' and 'inputs'")
    by_rows = "instances" in request
    columns = (
        _columns(request["instances"], list(dtypes))
        if by_rows
        else _named(request["inputs"], list(dtypes))
    )
    return (
        signature,
        {name: parse_tensor(columns[name], dtypes[name]) for name in dtypes},
        by_rows,
    )


def format_response(outputs: Mapping[str, np.ndarray], by_rows: bool) -> dict[str, Any]:
    """The JSON object that answers a request of the same format."""
    columns = {name: format_tensor(name, value) for name, value in outputs.items()}
    if not by_rows:
        return {"outputs": _only_value(columns)}
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise RestError(f"The outputs have inconsistent batch sizes: {sizes}")
    rows = [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    return {"predictions": [_only_value(row) for row in rows]}


def parse_tensor(value: Any, dtype: Any) -> np.ndarray:
    """Nested lists to an array of `dtype`; strings become bytes."""
    shape = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        if not level:
            break
        level = level[0]
    flat: list[Any] = []
    _flatten(value, shape, np.dtype(dtype), flat)
    array = np.empty(len(flat), dtype)
    array[:] = flat
    return array.reshape(shape)


def format_tensor(name: str, value: Any) -> Any:
    """An array to nested lists; bytes become text, or base64 in `*_bytes`."""
    if isinstance(value, np.ndarray):
        if value.ndim:
            return [format_tensor(name, part) for part in value]
        value = value[()]
    if isinstance(value, bytes):
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode()}
        return value.decode("utf-8")
    if isinstance(value, np.floating):
        # The shortest decimals that give the same float32, not its float64.
        return float(str(value))
    return value.item()


def _only_value(named: dict[str, Any]) -> Any:
    return next(iter(named.values())) if len(named) == 1 else named


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != {"b64"}


def _named(value: Any, names: list[str]) -> dict[str, Any]:
    if not _is_object(value):
        if len(names) > 1:
            raise RestError(f"Several inputs are needed, by name: {sorted(names)}")
        return {names[0]: value}
    if set(value) != set(names):
        raise RestError(f"The keys must be {sorted(names)}; received {sorted(value)}")
    return value


def _columns(instances: Any, names: list[str]) -> dict[str, list[Any]]:
    if not isinstance(instances, list) or not instances:
        raise RestError("'instances' must be a list with at least one element")
    rows = [_named(instance, names) for instance in instances]
    return {name: [row[name] for row in rows] for name in names}


def _flatten(value: Any, shape: list[int], dtype: np.dtype, flat: list[Any]) -> None:
    if not shape:
        flat.append(_scalar(value, dtype))
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise RestError(f"Expected a list of {shape[0]} elements, received {value!r}")
    for element in value:
        _flatten(element, shape[1:], dtype, flat)


def _scalar(value: Any, dtype: np.dtype) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype.kind == "O":
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict) and isinstance(value.get("b64"), str):
            return base64.b64decode(value["b64"])
    elif dtype.kind == "f" and is_number:
        return value
    elif dtype.kind in "iu" and is_number and isinstance(value, int):
        if np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
            return value
    elif dtype.kind == "b" and isinstance(value, bool):
        return value
    raise RestError(
        f"JSON Value: {json.dumps(value)} is not of expected type: "
        f"{'string' if dtype.kind == 'O' else dtype.name}"
    )
