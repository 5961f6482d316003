"""Which operations a server can run, and which a served graph may hold."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import kernels, op_def_registry

from keras_seq.serving._saved_model import signature_defs


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The ops of tensorflow-text that TensorFlow Serving links (`ops_lib`).
TEXT_OPS = _names(
    """
    CaseFoldUTF8 ConstrainedSequence FastBertNormalize
    FastWordpieceTokenizeWithOffsets FindSourceOffsets MaxSpanningTree
    NormalizeUTF8 NormalizeUTF8WithOffsetsMap PhraseTokenize
    RegexSplitWithOffsets RougeL SentenceFragments SentenceFragmentsV2
    SentencepieceDetokenizeOp SentencepieceIdToStringOp SentencepieceOp
    SentencepieceStringToIdOp SentencepieceTokenizeOp
    SentencepieceTokenizeWithOffsetsOp SentencepieceVocabSizeOp
    SplitMergeTokenizeWithOffsets TFText>BoiseTagsToOffsets
    TFText>ByteSplitByOffsets TFText>ByteSplitWithOffsets
    TFText>FastSentencepieceDetokenize TFText>FastSentencepieceTokenize
    TFText>FastWordpieceDetokenize TFText>NgramsStringJoin
    TFText>OffsetsToBoiseTags TFText>PhraseDetokenize
    TFText>RoundRobinGenerateMasks TFText>RoundRobinTrim TFText>Utf8Binarize
    TFText>WhitespaceTokenizeWithOffsetsV2 TokenizerFromLogits
    UnicodeScriptTokenizeWithOffsets WhitespaceTokenizeWithOffsets
    WordpieceTokenizeWithOffsets
    """
)

# TensorFlow marks these stateful because they call functions, fail, or read
# what was set when the model was loaded. None leaves anything behind.
READING_OPS = _names(
    """
    Assert Case CheckNumerics CheckNumericsV2 HashTableV2 If
    LookupTableExportV2 LookupTableFindV2 LookupTableSizeV2 ReadVariableOp
    ReduceDataset ResourceGather ResourceGatherNd StatefulPartitionedCall
    TensorDataset VarHandleOp VarIsInitializedOp VariableShape While
    """
)

PYTHON_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})

# Core ops of later releases, which the oldest supported server (2.20) lacks.
NEWER_OPS = frozenset({"DecodeJxl"})


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """The ops of a saved graph, and what is wrong with them."""

    ops: tuple[str, ...]
    text_ops: tuple[str, ...]
    problems: tuple[str, ...]


def inspect(meta_graph: Any) -> Inspection:
    """Reads every node of a saved graph and of its function library."""
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    ops = set()
    problems: dict[str, None] = {}  # Ordered, and each said once.
    for place, node in _nodes(meta_graph.graph_def.node, functions):
        if node.op not in functions:
            ops.add(node.op)
            reason = _refusal(node.op)
            if reason:
                problems[f"op {node.op} in {place} {reason}"] = None
        if node.attr["_XlaMustCompile"].b:
            problems[f"{place} calls a function that XLA must compile"] = None
    for name, function in functions.items():
        if function.attr["_XlaMustCompile"].b:
            problems[f"function {name!r} must be compiled by XLA (jit_compile)"] = None
    for signature, definition in signature_defs(meta_graph).items():
        for place, op in _reached(definition, meta_graph.graph_def.node, functions):
            if _keeps_state(op):
                problems[
                    f"signature {signature!r}: op {op} in {place} {_advice(op)}"
                ] = None
    return Inspection(
        tuple(sorted(ops)), tuple(sorted(ops & TEXT_OPS)), tuple(problems)
    )


@functools.cache  # TensorFlow takes milliseconds to list the kernels of an op.
def _refusal(op: str) -> str | None:
    if op in PYTHON_OPS:
        return "runs Python code (tf.py_function), which a server does not have"
    if op.startswith("Cudnn"):
        return "needs cuDNN, which CPU servers do not have"
    if op.lstrip("_").startswith("Xla"):
        return "is XLA code, which servers compile again for every shape or refuse"
    if op in TEXT_OPS:
        return None
    # Registered is not enough: importing a library registers its ops too.
    # tf.raw_ops is written when TensorFlow is built.
    if not (op[0].isupper() and hasattr(tf.raw_ops, op)):
        return "is neither of core TensorFlow nor of tensorflow-text"
    if op in NEWER_OPS:
        return "is newer than TensorFlow Serving 2.20"
    devices = {k.device_type for k in kernels.get_registered_kernels_for_op(op).kernel}
    if not devices & {"CPU", "DEFAULT"}:
        return f"has no CPU kernel, only {sorted(devices)}"
    return None


def _keeps_state(op: str) -> bool:
    # The stateful text ops only read the vocabulary they were made with.
    if op in READING_OPS or op in TEXT_OPS or op in PYTHON_OPS:
        return False
    definition = op_def_registry.get(op)
    return definition is not None and definition.is_stateful


def _advice(op: str) -> str:
    if op.startswith("Assign") or "Apply" in op or "Scatter" in op:
        return "writes a variable; nothing may be kept between calls"
    if any(word in op for word in ("Random", "Uniform", "Normal", "Rng", "Multinom")):
        return (
            "draws from a generator kept between calls; use tf.random.stateless_* "
            "with a seed from the request"
        )
    return "keeps state between calls or acts outside the graph"


def _nodes(graph_nodes: Any, functions: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for node in graph_nodes:
        yield f"graph node {node.name!r}", node
    for name, function in functions.items():
        for node in function.node_def:
            yield f"function {name!r}", node


def _reached(
    definition: Any, graph_nodes: Any, functions: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """The ops that run when a signature is asked, with their places."""
    by_name = {node.name: node for node in graph_nodes}
    waiting = [info.name.split(":")[0] for info in definition.outputs.values()]
    seen: set[str] = set()
    called: list[str] = []
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = by_name[name]
        waiting += [source.lstrip("^").split(":")[0] for source in node.input]
        called += _calls(node, functions)
        yield f"graph node {name!r}", node.op
    seen = set()
    while called:
        name = called.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in functions[name].node_def:
            called += _calls(node, functions)
            yield f"function {name!r}", node.op


def _calls(node: Any, functions: dict[str, Any]) -> list[str]:
    names = [node.op]
    for value in node.attr.values():
        names += [value.func.name, *(f.name for f in value.list.func)]
    return [name for name in names if name in functions]
