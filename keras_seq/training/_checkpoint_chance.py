"""What makes a data set another each time that it is begun."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

# Operations whose state goes on from one epoch to the next, seeded or not.
_STATEFUL = re.compile(
    "(Random|Multinomial|TruncatedNormal|ParameterizedTruncated|SampleDistorted"
    "|RngReadAndSkip|Stateful(Uniform|Standard|Truncated|Random)"
    "|Assign.*VariableOp).*"
)
_AGAIN = (
    "`shuffle` of the data set gives another order each time: shuffle "
    "with `reshuffle_each_iteration=False`, or let the order follow from "
    "the epoch, as `epoch_dataset` does"
)
_NO_SEED = "`shuffle` of the data set has no `seed`"
_NOT_IN_TURN = "the data set is not deterministic, by an argument of "


def chance(data: "tf.data.Dataset") -> str:
    """What makes the order of a data set another each time, if anything is seen to."""
    if data.options().deterministic is False:
        return "the data set is not deterministic, by its options"
    left = [data]
    while left:
        here = left.pop()
        left += here._inputs()
        if found := _of_one(here):
            return found
        for function in here._functions():
            graph = function.function.graph.as_graph_def()
            scopes = [graph.node, *(f.node_def for f in graph.library.function)]
            for found in filter(None, map(_of_nodes, scopes)):
                return found
    return ""


def _of_one(data: "tf.data.Dataset") -> str:
    kind = type(data).__name__
    seeded = any(int(getattr(data, name, 0)) for name in ("_seed", "_seed2"))
    if kind == "_ShuffleDataset":
        if getattr(data, "_reshuffle_each_iteration", True) is not False:
            return _AGAIN
        return "" if seeded else _NO_SEED
    if kind == "_RandomDataset":
        if not seeded:
            return "random numbers of the data set have no `seed`"
        if getattr(data, "_rerandomize", None):
            return "random numbers of the data set are others each time"
    if getattr(data, "_deterministic", "default") == "false":
        return f"{_NOT_IN_TURN}`map`"
    if kind == "_ParallelInterleaveDataset" and _interleaved_by_chance(data):
        return f"{_NOT_IN_TURN}`interleave`"
    return ""


def _interleaved_by_chance(data: "tf.data.Dataset") -> bool:
    """Whether `interleave` was told so, which only the graph of the data set shows."""
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString(data._as_serialized_graph().numpy())
    return any(
        node.op.startswith("ParallelInterleave")
        and node.attr["deterministic"].s == b"false"
        for node in graph.node
    )


def _of_nodes(nodes: Any) -> str:
    """The same of the operations of a function."""
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        if node.op.startswith("ShuffleDataset"):
            if node.attr["reshuffle_each_iteration"].b:
                return _AGAIN
            if not any(_seeds(node, by_name)):
                return _NO_SEED
        elif node.attr["deterministic"].s == b"false":
            return f"{_NOT_IN_TURN}`map` or `interleave`"
        elif _STATEFUL.fullmatch(node.op):
            return f"a function of the data set draws or counts anew ({node.op})"
    return ""


def _seeds(node: Any, by_name: dict[str, Any]) -> Iterator[bool]:
    """Whether each of the seeds of a shuffle is another than 0, or may be."""
    import tensorflow as tf

    for name in node.input[2:4]:
        seed = by_name.get(name.split(":")[0])
        if seed is None or seed.op != "Const":
            yield True
        else:
            yield bool(tf.make_ndarray(seed.attr["value"].tensor))
