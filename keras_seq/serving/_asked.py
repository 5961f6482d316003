"""What a Keras model takes and gives: names, types, and how it is called."""

import dataclasses
import inspect
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_seq.serving._errors import ServingError
from keras_seq.typing import Nest, Tensor

# What REST can't carry, and what carries it.
_CARRIED = {tf.float16: tf.float32, tf.bfloat16: tf.float32}
_SCOPE = r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*"
_SPECIAL = ("Embedding", "Hashing", "IntegerLookup", "StringLookup")
_NEEDS_TYPE = (*_SPECIAL, "TextVectorization", "CategoryEncoding", "HashedCrossing")


@dataclasses.dataclass(frozen=True)
class Asked:
    """How a model is asked.

    Attributes:
        model: The model.
        specs: A `tf.TensorSpec` for each input, by its served name.
        called: What the model calls each input, by its served name.
        structure: The served names, as the model takes them: a nest.
        keywords: Whether the structure is a dict of keyword arguments.
        tensors: The symbolic inputs of a functional model by served name, else empty.
        outputs: Names of the outputs of a functional model that aren't in a dict.
    """

    model: Any
    specs: Mapping[str, tf.TensorSpec]
    called: Mapping[str, str]
    structure: Nest
    keywords: bool = False
    tensors: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    outputs: Sequence[str] = ()

    def answer(self, /, **inputs: Tensor) -> dict[str, Tensor]:
        """The model's outputs by served name, as REST can carry them."""
        return self.ask(inputs)[0]

    def ask(
        self, inputs: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The outputs by served name, and what the model calls them."""
        given = keras.tree.map_structure(lambda name: inputs[name], self.structure)
        options = {"training": False} if _takes_training(self.model) else {}
        if self.keywords:
            found = self.model(**given, **options)
        else:
            found = self.model(given, **options)
        outputs, called = self._named(found)
        return {name: _carried(v) for name, v in outputs.items()}, called

    def _named(self, found: Nest) -> tuple[dict[str, Tensor], dict[str, str]]:
        if isinstance(found, Mapping):
            names, values = [str(name) for name in found], list(found.values())
        elif isinstance(found, list | tuple):
            values = list(found)
            names = list(self.outputs)
            if len(names) != len(values):  # nested, or not functional
                names = [f"output_{i}" for i in range(len(values))]
        else:
            names, values = list(self.outputs) or ["output"], [found]
        problems = [
            f"output {name!r} is {_what(value)}: only a flat dict or list of dense "
            "tensors can be served; return that, or give `signatures`"
            for name, value in zip(names, values, strict=True)
            if not tf.is_tensor(value) or not isinstance(value, tf.Tensor)
        ]
        if problems or not values:
            raise refused(self.model, problems or ["it has no outputs"])
        called = served_names(self.model, names, "output")
        return dict(zip(called, values, strict=True)), called


def refused(model: Any, problems: Sequence[str]) -> ServingError:
    """The error that says why a model's signature can't be inferred."""
    name = getattr(model, "name", type(model).__name__)
    return ServingError(
        f"The signature of model {name!r} cannot be inferred", list(problems)
    )


def served_names(model: Any, names: Sequence[str], kind: str) -> dict[str, str]:
    """Names that a request can have, each with what the model calls it."""
    served: dict[str, str] = {}
    problems = []
    for index, name in enumerate(names):
        plain = re.sub("[^A-Za-z0-9]+", "_", name).strip("_") if name else ""
        if re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            plain = name
        if not plain or not plain[0].isalpha():
            plain = f"{kind}_{plain or index}"
        if keyword.iskeyword(plain) or plain == "self":
            plain += "_"
        if plain in served:
            problems.append(
                f"{kind}s {served[plain]!r} and {name!r} would both be called "
                f"{plain!r} in a request: give one of them another name"
            )
        served[plain] = name
    if problems:
        raise refused(model, problems)
    return served


def asked_of(model: Any, examples: Sequence[Any] = ()) -> Asked:
    """Reads a model's inputs.

    Args:
        model: A Keras model.
        examples: Requests, for what a subclassed model doesn't tell.

    Raises:
        ServingError: If they can't be told; the message says what to give.
    """
    if not isinstance(model, keras.Model):
        raise refused(
            model,
            [
                "`signatures` must be a dict from names to Signature, unless they are "
                "to be inferred from a keras.Model; put a layer into one: "
                "`keras.Model(inputs, outputs)`. A Translator, TextPredictor, "
                "TuneWriter or Captioner has a function that makes them: "
                "`translation_signatures`, `prediction_signatures`, "
                "`tune_signatures`, `caption_signatures`"
            ],
        )
    problems = [
        f"layer {layer.name!r} is stateful: what one caller sends would change what "
        "the next one gets; build it with `stateful=False`, or give `signatures` in "
        "which the state is an input and an output"
        for layer in [model, *model._flatten_layers(include_self=False)]
        if getattr(layer, "stateful", False)
    ]
    problems += [
        f"layer {layer.name!r}: graphs of TensorFlow take names of ASCII letters, "
        "digits and '_', '.', '-': give it another name"
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.layers.InputLayer)
        and not re.fullmatch(_SCOPE, layer.name)
    ]
    if problems:
        raise refused(model, problems)
    graph = getattr(model, "_functional", None) or model
    if hasattr(graph, "_inputs_struct"):
        return _of_functional(model, graph)
    return _of_subclassed(model, examples)


def _of_functional(model: Any, graph: Any) -> Asked:
    struct, flat = graph._inputs_struct, keras.tree.flatten(graph._inputs_struct)
    keys = isinstance(struct, Mapping) and len(struct) == len(flat)
    names = (
        sorted(map(str, struct))
        if keys and not any(keras.tree.is_nested(v) for v in struct.values())
        else [tensor._keras_history.operation.name for tensor in flat]
    )
    problems = [
        f"input {name!r} is {'sparse' if tensor.sparse else 'ragged'}, and a request "
        "holds dense tensors: give `signatures` that make it of them"
        for name, tensor in zip(names, flat, strict=True)
        if tensor.sparse or getattr(tensor, "ragged", False)
    ]
    if problems:
        raise refused(model, problems)
    called = served_names(model, names, "input")
    tensors = dict(zip(called, flat, strict=True))
    specs = {
        name: _spec(name, tensor.shape[1:], tensor.dtype)
        for name, tensor in tensors.items()
    }
    structure = keras.tree.pack_sequence_as(struct, list(called))
    outputs = [] if isinstance(graph._outputs_struct, dict) else graph.output_names
    numbered = [
        f"{name}_{outputs[:i].count(name)}" if outputs.count(name) > 1 else name
        for i, name in enumerate(outputs)
    ]
    return Asked(model, specs, called, structure, False, tensors, numbered)


def _of_subclassed(model: Any, examples: Sequence[Any]) -> Asked:
    shapes = getattr(model, "_build_shapes_dict", None)
    unbuilt = [
        layer.name
        for layer in model._flatten_layers(include_self=False)
        if not layer.built
    ]
    called_before = getattr(model, "_called", True) or not unbuilt
    if not model.built or not shapes or not called_before:
        never = f"; layers {unbuilt[:5]} have no weights" if unbuilt else ""
        raise refused(
            model,
            [
                "it was never called, so neither its inputs nor its weights are "
                f"known{never}: call it on data, or load its weights, first"
            ],
        )
    parameters = list(inspect.signature(model.call).parameters)
    keywords = len(shapes) > 1
    structure: Any
    if keywords:
        structure = {key.removesuffix("_shape"): s for key, s in shapes.items()}
    else:
        (structure,) = shapes.values()
    if _is_shape(structure):
        names, flat = [parameters[0] if parameters else "inputs"], [structure]
    elif isinstance(structure, Mapping):
        names, flat = [str(key) for key in structure], list(structure.values())
    else:
        names, flat = [f"input_{i}" for i in range(len(structure))], list(structure)
    if not all(map(_is_shape, flat)):
        message = f"its inputs are nested, {structure}: give `signatures`"
        raise refused(model, [message])
    more = _required(model.call) - {*(structure if keywords else parameters[:1])}
    if more:
        message = (
            f"its call needs {sorted(more)} too, and what they were isn't recorded: "
            "give `signatures`, or take all inputs in one dict"
        )
        raise refused(model, [message])
    called = served_names(model, names, "input")
    served = list(called)
    if _is_shape(structure):
        packed: Nest = served[0]
    elif isinstance(structure, Mapping):
        packed = dict(zip(structure, served, strict=True))
    else:
        packed = type(structure)(served)
    given = [as_request(served, example) for example in examples]
    specs = {
        name: _recorded(model, name, shape, [example[name] for example in given])
        for name, shape in zip(served, flat, strict=True)
    }
    return Asked(model, specs, called, packed, keywords)


def as_request(names: Sequence[str], example: Any) -> dict[str, Any]:
    """An example as a dict; of one input it may be the rows alone."""
    if isinstance(example, Mapping):
        if set(example) != set(names):
            raise ServingError(
                "The examples do not fit",
                [f"one has {sorted(map(str, example))}; needed are {sorted(names)}"],
            )
        return dict(example)
    if len(names) == 1:
        return {names[0]: example}
    raise ServingError(
        "The examples do not fit",
        [f"each must be a dict of the inputs {list(names)}; received {example!r:.200}"],
    )


def _recorded(
    model: Any, name: str, shape: Sequence[int | None], values: Sequence[Any]
) -> tf.TensorSpec:
    """The input as it was first called, and as the examples have it."""
    if not values:
        special = sorted(
            {type(layer).__name__ for layer in model._flatten_layers()}
            & set(_NEEDS_TYPE)
        )
        if special:
            raise refused(
                model,
                [
                    f"input {name!r}: a subclassed model doesn't tell whether it takes "
                    f"numbers or strings, and this one has {special}: give `examples`"
                ],
            )
        return _spec(name, shape[1:], model.input_dtype)
    try:
        arrays = [np.asarray(value) for value in values]
    except ValueError as error:
        message = f"input {name!r}: an example's rows must have one shape: {error}"
        raise ServingError("The examples do not fit", [message]) from error
    sizes: list[int | None] = list(shape[1:])
    for array in arrays:
        if array.ndim != len(shape):
            message = (
                f"input {name!r}: the model was called with shape {tuple(shape)}; "
                f"the example has {array.shape}"
            )
            raise ServingError("The examples do not fit", [message])
        sizes = [
            a if a == b else None for a, b in zip(sizes, array.shape[1:], strict=True)
        ]
    kinds = {array.dtype.kind for array in arrays}
    dtype = "string" if kinds & set("USO") else np.result_type(*arrays).name
    return _spec(name, sizes, "float32" if dtype == "float64" else dtype)


def _spec(name: str, sizes: Sequence[int | None], dtype: Any) -> tf.TensorSpec:
    kind = tf.as_dtype(dtype)
    return tf.TensorSpec([None, *sizes], _CARRIED.get(kind, kind), name=name)


def _carried(value: Tensor) -> Tensor:
    return tf.cast(value, _CARRIED.get(value.dtype, value.dtype))


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(size is None or isinstance(size, int) for size in value)
    )


def _required(function: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        p.name
        for p in parameters
        if p.kind in plain and p.default is p.empty and p.name != "training"
    }


def _takes_training(model: Any) -> bool:
    return "training" in inspect.signature(model.call).parameters


def _what(value: Any) -> str:
    kind = type(value).__name__
    return f"nested, a {kind}" if keras.tree.is_nested(value) else f"a {kind}"
