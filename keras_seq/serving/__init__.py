"""SavedModels with string-in, string-out signatures, and the proof they serve.

`export` writes what TensorFlow Serving loads, of a Keras model in one line; `check`
proves it in a process without Keras, `check_without_python` in a program written in C,
`ask_hostile` what it stands, and
`python -m keras_seq.serving serve PATH` serves it on this machine for trying it out;
`check` and `batch` do from the shell what their names say.
"""

from keras_seq.serving import _as_program as _as_program  # before TensorFlow
from keras_seq.serving._check import CheckReport, check
from keras_seq.serving._errors import ServingError
from keras_seq.serving._export import ExportReport, export
from keras_seq.serving._hostile import HostileReport, ask_hostile
from keras_seq.serving._inferred import model_signatures
from keras_seq.serving._native import check_without_python
from keras_seq.serving._replay import SignatureReport
from keras_seq.serving._requests import ROWS, RequestRows, in_blocks
from keras_seq.serving._rows import (
    ERROR_NOTE,
    row_signature,
    same_rows,
    sampling_checks,
    search_checks,
)
from keras_seq.serving._signature import Signature

__all__ = [
    "ERROR_NOTE",
    "ROWS",
    "CheckReport",
    "ExportReport",
    "HostileReport",
    "RequestRows",
    "ServingError",
    "Signature",
    "SignatureReport",
    "ask_hostile",
    "check",
    "check_without_python",
    "export",
    "in_blocks",
    "model_signatures",
    "row_signature",
    "same_rows",
    "sampling_checks",
    "search_checks",
]
