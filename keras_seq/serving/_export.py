"""Writing a SavedModel that TensorFlow Serving can serve."""

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seq.serving import (
    _atomic,
    _card,
    _deploy,
    _examples,
    _owners,
    _signature,
    _warmup,
)
from keras_seq.serving._errors import ServingError
from keras_seq.serving._inferred import model_signatures
from keras_seq.serving._ops import inspect
from keras_seq.serving._saved_model import (
    EXTRA,
    MOST_VERSION,
    describe,
    folder_of,
    is_version,
    read_meta_graph,
    signature_defs,
)
from keras_seq.serving._signature import Signature
from keras_seq.serving._small import Form, SmallWeights


@dataclasses.dataclass(frozen=True, slots=True)
class ExportReport:
    """What `export` wrote.

    Attributes:
        directory: The version folder.
        signatures: For each signature its inputs and outputs, as text.
        ops: The operations of the graph.
        warmup_requests: How many requests the server will warm up with.
        weights: How the large weights are stored.
        difference: Largest absolute difference between floats of the warm-up
            requests' answers and those of the model's own weights; None if it can't
            be told: there are none, or a signature calls a `tf.function` of its own,
            which keeps its weights.
    """

    directory: Path
    signatures: Mapping[str, str]
    ops: tuple[str, ...]
    warmup_requests: int
    weights: str = "float32"
    difference: float | None = 0.0

    def __str__(self) -> str:
        stored = [f"  weights in {self.weights}: {_within(self.difference)}"]
        return "\n".join(
            [
                f"exported to {self.directory}",
                *(f"  {name}: {text}" for name, text in self.signatures.items()),
                f"  {len(self.ops)} different ops, all on TensorFlow Serving; "
                f"{self.warmup_requests} warm-up requests",
                *(stored if self.weights != "float32" else ()),
            ]
        )


def export(
    model: Any,
    path: str | os.PathLike[str],
    signatures: Mapping[str, Signature] | None = None,
    *,
    examples: Any = None,
    warmup: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    model_card: Mapping[str, Any] | None = None,
    version: int = 1,
    overwrite: bool = False,
    assets: Mapping[str, str | os.PathLike[str]] | None = None,
    weights: Form = "float32",
) -> ExportReport:
    """Writes `path/<version>/`, ready for TensorFlow Serving 2.20 or later.

    Of a Keras model `export(model, path)` is enough: what it takes and gives, and
    requests to warm up with, are inferred as `model_signatures` says.

    The folder appears whole or not at all: it is written under another name,
    its graph is inspected, and only then does it take its name. What a killed
    export of this version left is cleared up first, so only one process at a
    time may export it. The graph may hold operations of core TensorFlow and of
    tensorflow-text that run on a CPU, and nothing that Python or XLA must run
    or that keeps state between calls.

    Beside the graph, in `assets.extra/`: the warm-up requests, with the answers
    of the live functions (`tf_serving_warmup_requests`), the signatures
    (`signatures.json`), a model card (`model_card.md`), a client with what
    it printed when it was run on the export (`client_rest.py`, `.json`) and the
    same over gRPC, with curl and with JavaScript (`client_grpc.py`,
    `client_curl.sh`, `client_fetch.mjs`), and what a server is started with
    (`models.config`, `batching_parameters.txt`, `compose.yaml`,
    `kubernetes.yaml`).

    Args:
        model: What the signatures use: a model, layer, `tf.Module` or lookup
            table, or a list or dict of them. Recurrent layers found in it are
            kept from cuDNN, and its tables are saved.
        path: The `saved_model` folder, which holds version folders; `~` is one's home.
        signatures: A `Signature` for each name; `"serving_default"` answers
            requests that name none. None infers it from `model`.
        examples: Where it is inferred: a request or several, as `model_signatures`
            takes them. By default some are made up.
        warmup: For each signature a list of requests, each a dict from input
            names to arrays or lists; by default the signature's own `examples`.
            `check` replays them; a signature without any cannot be checked.
        model_card: The sections `"name"`, `"description"`, `"intended_use"`,
            `"limits"`, `"data"`, `"terms"` and `"metrics"`, each text, a list,
            or a dict for a table. What is missing is "Not stated".
        version: Number of the version, 1 or larger. Servers load the largest.
        overwrite: Whether an existing version may be replaced.
        assets: More files for `assets.extra/`: from name to the file to copy.
        weights: How the large weights of layers are stored: "float32", "float16",
            "bfloat16" or "int8" (with a factor for each column). They are computed
            with in float32. The warm-up requests' answers are those of the stored
            weights; the report says how far they are from the model's.

    Returns:
        An `ExportReport`; printed, it says where everything is.

    Raises:
        ServingError: If Keras runs on another backend than TensorFlow, a
            signature or request does not fit or cannot be inferred, or the graph
            cannot be served. The message lists every reason.
        TypeError: If `path` is no text.
        ValueError: If `path` names no folder on this machine, both `signatures` and
            `examples` are given, `version` is no number of a version, or `weights` no
            form that there is.
        FileExistsError: If the version exists and `overwrite` is False.
        OSError: If it cannot be written, say because the disk is full.

    Example:

    >>> import tempfile
    >>> import tensorflow as tf
    >>> shout = Signature(
    ...     lambda text: {"loud": tf.strings.upper(text)},
    ...     {"text": tf.TensorSpec([None], tf.string)},
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = export([], folder, {"serving_default": shout})
    >>> report.signatures["serving_default"]
    'text: string (batch) -> loud: string (batch)'
    >>> "StringUpper" in report.ops
    True

    And a Keras model:

    >>> import keras
    >>> inputs = keras.Input((3,), name="row")
    >>> model = keras.Model(inputs, keras.layers.Dense(2, name="scores")(inputs))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = export(model, folder)
    >>> report.signatures["serving_default"]
    'row: float32 (batch, 3) -> error: string (batch), scores: float32 (batch, 2)'

    References:
        TensorFlow Serving, "SavedModel Warmup" and "RESTful API".
    """
    _require_tensorflow_backend()
    card = dict(model_card or {})
    _card.validate(card)
    if signatures is not None and examples is not None:
        raise ValueError(
            "`examples` are for a signature that is inferred; beside `signatures` give "
            "`warmup`, or `model_signatures(model, examples=...)`."
        )
    if signatures is not None:
        _signature.validate(signatures)
    folder = folder_of(path)
    whole = isinstance(version, int) and not isinstance(version, bool)
    if not whole or not 1 <= version <= MOST_VERSION:
        raise ValueError(
            f"`version` must be an integer >= 1, below 2**63; received {version!r}."
        )
    target = folder / str(version)
    _atomic.settle(target)
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"{str(target)!r} exists; export another `version`, or pass "
            "`overwrite=True`."
        )
    if signatures is None:
        signatures = model_signatures(model, examples=examples)
        _signature.validate(signatures)
    requests = {n: s.examples for n, s in signatures.items() if s.examples}
    requests |= warmup or {}
    owners = _owners.flatten(model)
    small = SmallWeights(owners, weights)
    with _owners.without_cudnn(owners), _owners.no_new_weights(owners):
        traced = {n: _signature.trace(n, s, small.read) for n, s in signatures.items()}
        for n, function in traced.items():
            small.require_read(n, function)
        records = _warmup.answer(signatures, requests, traced)
        difference = _difference(signatures, records, small)
    with _atomic.appearing(target) as directory:
        with _atomic.os_errors(target):
            _save(owners, traced, directory)
            (directory / EXTRA).mkdir()
            if records:
                _warmup.write(directory, _card.model_name(card), records)
        meta_graph = read_meta_graph(directory)
        inspection = inspect(meta_graph)
        if inspection.problems:
            raise ServingError("The graph cannot be served", inspection.problems)
        definitions = signature_defs(meta_graph)
        contract = _write_extra(directory, card, signatures, definitions, records)
        others = [int(p.name) for p in folder.iterdir() if is_version(p)]
        name = _card.model_name(card)
        _deploy.write(directory / EXTRA, name, version, others, contract)
        _add_assets(directory / EXTRA, assets or {})
    return ExportReport(
        target,
        {name: _one_line(definition) for name, definition in definitions.items()},
        inspection.ops,
        len(records),
        weights,
        difference,
    )


def _difference(
    signatures: Mapping[str, Signature],
    records: Sequence[_warmup.Record],
    small: SmallWeights,
) -> float | None:
    """The largest between floats that the stored and the model's own weights give."""
    largest = 0.0
    if not small.used:
        return 0.0
    asked = {record.signature for record in records}
    functions = {name: _signature.trace(name, signatures[name]) for name in asked}
    if not asked or any(map(small.read_by, functions.values())):
        # Of nothing, or a function inside keeps the weights that it was traced with.
        return None
    for record in records:
        own = _warmup.call(functions[record.signature], record.inputs)
        for name, value in record.outputs.items():
            if value.dtype.kind == "f" and own[name].shape == value.shape:
                largest = max(largest, float(np.abs(own[name] - value).max(initial=0)))
    return largest


def _within(difference: float | None) -> str:
    if difference is None:
        return "answers were not compared with the model's own"
    return f"answers within {difference:.1e}"


def _require_tensorflow_backend() -> None:
    if keras.backend.backend() != "tensorflow":
        raise ServingError(
            "Only the TensorFlow backend exports graphs that servers can load",
            [
                f"Keras runs on {keras.backend.backend()!r}: save the model as "
                ".keras, load it with KERAS_BACKEND=tensorflow, and export there"
            ],
        )


def _save(owners: Sequence[Any], traced: Mapping[str, Any], directory: Path) -> None:
    root = tf.Module()
    root.held_variables = [
        v for function in traced.values() for v in function.variables
    ]
    root.held_resources = _owners.resources(owners)
    options = tf.saved_model.SaveOptions(
        namespace_whitelist=["TFText"], experimental_custom_gradients=False
    )
    try:
        tf.saved_model.save(root, str(directory), signatures=traced, options=options)
    except AssertionError as error:
        if "untracked" not in str(error):
            raise
        raise ServingError(
            "The signatures use a resource that nothing in `model` holds",
            [
                "pass the owner of every lookup table, or the table itself, in "
                f"`model=[...]`. TensorFlow says: {error}"
            ],
        ) from error


def _write_extra(
    directory: Path,
    card: Mapping[str, Any],
    signatures: Mapping[str, Signature],
    definitions: Mapping[str, Any],
    records: Sequence[_warmup.Record],
) -> dict[str, Any]:
    """Clients, contract and card; the contract is returned."""
    extra = directory / EXTRA
    answers = []
    if records:
        name = _card.model_name(card)
        answers = _examples.write_and_run(directory, name, records)
    contract = {
        key: {
            "description": signatures[key].description,
            "inputs": {n: describe(i) for n, i in sorted(definition.inputs.items())},
            "outputs": {n: describe(i) for n, i in sorted(definition.outputs.items())},
            "limits": dict(signatures[key].limits),
            "rows_independent": signatures[key].rows_independent,
        }
        for key, definition in definitions.items()
    }
    (extra / "signatures.json").write_text(json.dumps(contract, indent=2) + "\n")
    (extra / "model_card.md").write_text(
        _card.write_card(card, signatures, definitions, answers), "utf-8"
    )
    return contract


def _add_assets(extra: Path, assets: Mapping[str, str | os.PathLike[str]]) -> None:
    for file_name, source in assets.items():
        if Path(file_name).name != file_name or (extra / file_name).exists():
            raise ValueError(
                f"`assets` must have new, plain file names; received {file_name!r}."
            )
        shutil.copyfile(source, extra / file_name)


def _one_line(definition: Any) -> str:
    inputs, outputs = (
        ", ".join(f"{name}: {describe(info)}" for name, info in sorted(infos.items()))
        for infos in (definition.inputs, definition.outputs)
    )
    return f"{inputs} -> {outputs}"
