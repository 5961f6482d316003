"""The Open Inference Protocol, version 2: what stands in its JSON.

Reference: KServe, "Open Inference Protocol Specification", REST.
"""

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.serving import _rest
from keras_seq.serving._rest import RestError, shown

DATATYPES = {
    np.dtype(bool): "BOOL",
    np.dtype("float16"): "FP16",
    np.dtype("float32"): "FP32",
    np.dtype("float64"): "FP64",
    np.dtype(object): "BYTES",
} | {
    np.dtype(f"{kind}int{bits}"): f"{kind.upper()}INT{bits}"
    for kind in ("", "u")
    for bits in (8, 16, 32, 64)
}
_BASE64 = {"content_type": "base64"}  # as MLServer tells that bytes are no text


def describe(infos: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The inputs or outputs of a SignatureDef."""
    return [
        {
            "name": name,
            "datatype": _datatype(tf.as_dtype(info.dtype).as_numpy_dtype),
            "shape": [dim.size for dim in info.tensor_shape.dim],
        }
        for name, info in sorted(infos.items())
    ]


def parse_request(
    request: Mapping[str, Any],
    dtypes_of: Callable[[str], Mapping[str, Any]],
    check_rows: Callable[[str, int], None] = lambda signature, rows: None,
) -> tuple[str, dict[str, np.ndarray]]:
    """Reads a request to infer.

    The protocol knows no signatures: `signature_name` in the request's `parameters`
    names one. Bytes that are no text come in Base64, in a tensor whose parameter
    `content_type` is `base64`.

    Args:
        request: The JSON object.
        dtypes_of: From a signature's name to its inputs' NumPy dtypes; raises
            `RestError` for an unknown name.
        check_rows: Gets the signature's name and a number of rows; raises if they
            are too many.

    Returns:
        The signature's name and its inputs.

    Raises:
        RestError: If the request doesn't fit the signature.
    """
    if not isinstance(request.get("id", ""), str):
        raise RestError(f"'id' must be a string; received {shown(request['id'])}")
    signature = _rest.named_signature(_parameters(request, "the request"))
    dtypes = dtypes_of(signature)
    tensors = request.get("inputs")
    if not isinstance(tensors, list):
        raise RestError("The request must have a list 'inputs'")
    arrays: dict[str, np.ndarray] = {}
    for tensor in tensors:
        name = _name(tensor, dtypes, "inputs")
        if name in arrays:
            raise RestError(f"The input {shown(name)} stands twice")
        shape = _shape(tensor, f"input {name!r}")
        check_rows(signature, shape[0] if shape else 0)
        arrays[name] = _array(tensor, f"input {name!r}", np.dtype(dtypes[name]), shape)
    if set(arrays) != set(dtypes):
        raise RestError(f"The inputs must be {sorted(dtypes)}; got {sorted(arrays)}")
    return signature, arrays


def wanted_outputs(request: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """The outputs that a request asks for; by default all."""
    tensors = request.get("outputs", [])
    if not isinstance(tensors, list):
        raise RestError("'outputs' must be a list")
    for tensor in tensors:
        _name(tensor, known, "outputs")
        if _parameters(tensor, "an output").get("binary_data"):
            raise no_binary()
    return list(dict.fromkeys(t["name"] for t in tensors)) or sorted(known)


def format_tensor(name: str, value: np.ndarray) -> dict[str, Any]:
    """A tensor of an answer, flat; bytes that are no text are in Base64."""
    flat = value.ravel()
    answer: dict[str, Any] = {
        "name": name,
        "datatype": _datatype(value.dtype),
        "shape": list(value.shape),
    }
    if value.dtype.kind != "O":
        return answer | {"data": _rest.format_tensor(name, flat)}
    try:
        if not name.endswith("_bytes"):
            return answer | {"data": [text.decode("utf-8") for text in flat]}
    except UnicodeDecodeError:
        pass
    data = [base64.b64encode(text).decode() for text in flat]
    return answer | {"parameters": _BASE64, "data": data}


def _datatype(dtype: Any) -> str:
    dtype = np.dtype(dtype)
    return DATATYPES.get(dtype, dtype.name.upper())


def _parameters(owner: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    parameters = owner.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RestError(f"'parameters' of {what} must be an object")
    if "binary_data_size" in parameters or parameters.get("binary_data_output"):
        raise no_binary()
    return parameters


def no_binary() -> RestError:
    """What is said to who sends tensors in binary."""
    return RestError("Binary tensors are an extension that isn't spoken here")


def _name(tensor: Any, known: Mapping[str, Any], what: str) -> str:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise RestError(f"'{what}' must hold objects with a 'name'")
    if tensor["name"] not in known:
        raise RestError(
            f"The {what} are {sorted(known)}; received {shown(tensor['name'])}"
        )
    return tensor["name"]


def _shape(tensor: Mapping[str, Any], what: str) -> list[int]:
    shape = tensor.get("shape")
    if (
        not isinstance(shape, list)
        or len(shape) > _rest.MOST_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 2**31 for size in shape)
    ):
        raise RestError(
            f"{what} must have a 'shape', a list of at most {_rest.MOST_DIMENSIONS} "
            f"sizes; received {shown(shape)}"
        )
    return shape


def _array(
    tensor: Mapping[str, Any], what: str, dtype: np.dtype, shape: list[int]
) -> np.ndarray:
    parameters = _parameters(tensor, what)
    if tensor.get("datatype") != _datatype(dtype):
        raise RestError(
            f"{what} must have the datatype {_datatype(dtype)}; received "
            f"{shown(tensor.get('datatype'))}"
        )
    data = tensor.get("data")
    if not isinstance(data, list):
        raise RestError(f"{what} must have a list 'data'; received {shown(data)}")
    array = _rest.parse_tensor(data, dtype)
    flat = array.ndim == 1 and array.size == math.prod(shape)
    if not flat and list(array.shape) != shape:
        raise RestError(
            f"{what} must have the data of its shape {shape}, flat or nested; its data "
            f"has the shape {list(array.shape)}"
        )
    if dtype.kind == "O" and parameters.get("content_type") == _BASE64["content_type"]:
        decoded = (text.decode("utf-8", "replace") for text in array.ravel())
        texts = [_rest.from_base64(text) for text in decoded]
        array = np.empty(len(texts), object)
        array[:] = texts
    return array.reshape(shape)
