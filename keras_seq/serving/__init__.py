"""SavedModels with string-in, string-out signatures, and the proof they serve.

`export` writes what TensorFlow Serving loads, of a Keras model in one line; `check`
proves it in a process without Keras, `check_without_python` in a program written in C,
`ask_hostile` what it stands, and
`python -m keras_seq.serving serve PATH` serves it on this machine for trying it out;
`check` and `batch` do from the shell what their names say.
"""

from typing import TYPE_CHECKING

from keras_seq.extras import lazy_names

if TYPE_CHECKING:
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

if not TYPE_CHECKING:  # on demand: `python -m keras_seq.serving --help` is at once
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "keras_seq.serving._check": ["CheckReport", "check"],
            "keras_seq.serving._errors": ["ServingError"],
            "keras_seq.serving._export": ["ExportReport", "export"],
            "keras_seq.serving._hostile": ["HostileReport", "ask_hostile"],
            "keras_seq.serving._inferred": ["model_signatures"],
            "keras_seq.serving._native": ["check_without_python"],
            "keras_seq.serving._replay": ["SignatureReport"],
            "keras_seq.serving._requests": ["ROWS", "RequestRows", "in_blocks"],
            "keras_seq.serving._rows": [
                "ERROR_NOTE",
                "row_signature",
                "same_rows",
                "sampling_checks",
                "search_checks",
            ],
            "keras_seq.serving._signature": ["Signature"],
        },
    )
