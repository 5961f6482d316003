"""Predict requests and responses in JSON, by TensorFlow Serving's rules.

Reference: TensorFlow Serving, "RESTful API", sections "Request format",
"Response format", "JSON mapping" and "Encoding binary values".
"""

import base64
import collections
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

MOST_DIMENSIONS = 32  # of a tensor; brackets in each other are read no deeper
_SHOWN = 100  # characters of a value that a message repeats


class RestError(ValueError):
    """A request that the server answers with status 400."""


def read_json(text: str | bytes) -> Any:
    """Reads JSON as RFC 8259 has it.

    NaN and Infinity, which TensorFlow Serving reads, are refused: no signature of ours
    takes them. So is a name that stands twice in an object.

    Raises:
        RestError: If it is none.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError as error:
        raise RestError("JSON Parse error: too many brackets in each other") from error
    except ValueError as error:
        raise RestError(f"JSON Parse error: {error}") from error


def as_json(answer: Any) -> bytes:
    """JSON in UTF-8; half a surrogate pair, repeated, is escaped again."""
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "backslashreplace")


def read_object(body: bytes) -> dict[str, Any]:
    """Reads a request: a JSON object, or a `RestError`."""
    request = read_json(body)
    if not isinstance(request, dict):
        raise RestError("The request must be a JSON object")
    return request


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
    return parse_object(read_object(body), inputs_of)


def parse_object(
    request: Mapping[str, Any],
    inputs_of: Callable[[str], Mapping[str, Any]],
    check_rows: Callable[[str, int], None] = lambda signature, rows: None,
) -> tuple[str, dict[str, np.ndarray], bool]:
    """Reads a predict request that is an object already, as `parse_request` does.

    `check_rows` gets a signature and the number of rows, and raises if they are too
    many; arrays are made after it.
    """
    signature = named_signature(request)
    dtypes = inputs_of(signature)
    if ("instances" in request) == ("inputs" in request):
        raise RestError("The request must have one of 'instances' and 'inputs'")
    by_rows = "instances" in request
    if by_rows and isinstance(request["instances"], list):
        check_rows(signature, len(request["instances"]))
    columns = (
        _columns(request["instances"], list(dtypes))
        if by_rows
        else named(request["inputs"], list(dtypes))
    )
    for column in columns.values():
        if isinstance(column, list):
            check_rows(signature, len(column))
    return (
        signature,
        {name: parse_tensor(columns[name], dtypes[name]) for name in dtypes},
        by_rows,
    )


def named_signature(settings: Mapping[str, Any]) -> str:
    """The `signature_name` of a request; an empty one is the default."""
    signature = settings.get("signature_name", "")
    if not isinstance(signature, str):
        raise RestError(
            f"'signature_name' must be a string; received {shown(signature)}"
        )
    return signature or "serving_default"


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
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        if len(shape) > MOST_DIMENSIONS:
            raise RestError(f"Lists may stand {MOST_DIMENSIONS} deep in each other")
        if not level:
            break
        level = level[0]
    flat: list[Any] = []
    _flatten(value, shape, np.dtype(dtype), flat)
    array = np.empty(len(flat), dtype)
    array[:] = flat
    return array.reshape(shape)


def from_base64(text: str) -> bytes:
    """What Base64 stands for; a `RestError` where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise RestError(f"Unable to base64 decode: {shown(text)} ({error})") from error


def shown(value: Any) -> str:
    """A value of a request as a message repeats it: its beginning."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = str(type(value).__name__)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = collections.Counter(name for name, _ in pairs)
        twice = next(name for name in found if counts[name] > 1)
        raise RestError(f"the name {shown(twice)} stands twice in an object")
    return found


def _constant(text: str) -> Any:
    raise RestError(f"{text} is no number of JSON")


def named(value: Any, names: list[str]) -> dict[str, Any]:
    """The inputs that an object names; what is none is the only input."""
    if not _is_object(value):
        if len(names) > 1:
            raise RestError(f"Several inputs are needed, by name: {sorted(names)}")
        return {names[0]: value}
    if set(value) != set(names):
        received = shown(sorted(value))
        raise RestError(f"The keys must be {sorted(names)}; received {received}")
    return value


def _columns(instances: Any, names: list[str]) -> dict[str, list[Any]]:
    if not isinstance(instances, list) or not instances:
        raise RestError("'instances' must be a list with at least one element")
    rows = [named(instance, names) for instance in instances]
    return {name: [row[name] for row in rows] for name in names}


def _flatten(value: Any, shape: list[int], dtype: np.dtype, flat: list[Any]) -> None:
    if not shape:
        flat.append(_scalar(value, dtype))
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise RestError(
            f"Expected a list of {shape[0]} elements, received {shown(value)}"
        )
    if len(shape) == 1 and _all_numbers(value, dtype):
        flat.extend(value)
        return
    for element in value:
        _flatten(element, shape[1:], dtype, flat)


def _range(dtype: np.dtype) -> tuple[float, float]:
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _all_numbers(values: list[Any], dtype: np.dtype) -> bool:
    """Whether all are numbers of the type: many at once are quicker than each."""
    if dtype.kind not in "fiu" or not values:
        return False
    if not set(map(type, values)) <= ({int, float} if dtype.kind == "f" else {int}):
        return False
    low, high = _range(dtype)
    return low <= min(values) and max(values) <= high


def _scalar(value: Any, dtype: np.dtype) -> Any:
    if dtype.kind == "O":
        if isinstance(value, str):
            try:
                return value.encode()
            except UnicodeEncodeError as error:
                raise RestError(
                    f"JSON Value: {shown(value)} has half of a surrogate pair"
                ) from error
        if isinstance(value, dict):
            if list(value) != ["b64"] or not isinstance(value["b64"], str):
                raise RestError(
                    f"JSON Value: {shown(value)} is not of expected type: string, nor "
                    'formatted correctly for base64 data, {"b64": "..."}'
                )
            return from_base64(value["b64"])
    elif (dtype.kind == "b" and isinstance(value, bool)) or _all_numbers(
        [value], dtype
    ):
        return value
    raise RestError(
        f"JSON Value: {shown(value)} is not of expected type: "
        f"{'string' if dtype.kind == 'O' else dtype.name}"
    )
