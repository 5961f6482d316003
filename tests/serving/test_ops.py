"""The allow-list is what TensorFlow and tensorflow-text are."""

import subprocess
import sys

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from keras_seq.serving import _ops, _session


def meta_graph(*ops, in_function=False, attr=None):
    graph = meta_graph_pb2.MetaGraphDef()
    nodes = graph.graph_def.node
    if in_function:
        function = graph.graph_def.library.function.add()
        function.signature.name = "__inference_inner_7"
        nodes = function.node_def
    for index, op in enumerate(ops):
        node = nodes.add(name=f"node_{index}", op=op)
        if attr:
            node.attr[attr].b = True
    return graph


def test_text_ops_are_those_that_tensorflow_text_registers():
    pytest.importorskip("tensorflow_text")
    script = (
        "import runpy\n"
        f"probe = runpy.run_path({_session.__file__!r})\n"
        "from tensorflow.core.framework import op_def_pb2\n"
        "from tensorflow.python.client import pywrap_tf_session as tf_session\n"
        "def registered():\n"
        "    data = tf_session.TF_GetBuffer(tf_session.TF_GetAllOpList())\n"
        "    return {op.name for op in op_def_pb2.OpList.FromString(data).op}\n"
        "before = registered()\n"
        "probe['load_text_ops']()\n"
        "print(*(registered() - before))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(ran.stdout.split()) == _ops.TEXT_OPS


@pytest.mark.parametrize("in_function", [False, True])
@pytest.mark.parametrize(
    ("op", "message"),
    [
        ("PyFunc", "Python"),
        ("EagerPyFunc", "Python"),
        ("CudnnRNNV3", "cuDNN"),
        ("XlaCallModule", "XLA"),
        ("XlaLaunch", "XLA"),
        ("_XlaRun", "XLA"),
        ("DecodeJxl", "newer"),
        ("TPUReplicatedInput", "no CPU kernel"),
        # Registered in every process, and yet of no server.
        ("Namespace>TestStringOutput", "neither of core TensorFlow"),
        ("Foo1", "neither of core TensorFlow"),
        ("NoSuchOp", "neither of core TensorFlow"),
        ("__doc__", "neither of core TensorFlow"),
    ],
)
def test_refused_ops(op, message, in_function):
    inspection = _ops.inspect(meta_graph("Const", op, in_function=in_function))
    (problem,) = inspection.problems
    assert problem.startswith(f"op {op} in ")
    assert message in problem
    place = "function '__inference_inner_7'" if in_function else "node 'node_1'"
    assert place in problem


@pytest.mark.parametrize("in_function", [False, True])
def test_allowed_ops(in_function):
    ops = ["MatMul", "UnicodeDecode", "While", "TFText>NgramsStringJoin"]
    inspection = _ops.inspect(meta_graph(*ops, in_function=in_function))
    assert inspection.problems == ()
    assert inspection.ops == tuple(sorted(ops))
    assert inspection.text_ops == ("TFText>NgramsStringJoin",)


def test_must_compile_call_is_refused():
    (problem,) = _ops.inspect(
        meta_graph("StatefulPartitionedCall", attr="_XlaMustCompile")
    ).problems
    assert "XLA must compile" in problem


def test_state_counts_only_where_a_signature_reaches_it():
    def build(reached):
        graph = meta_graph("RandomUniform", "Identity", "Const")
        graph.graph_def.node[1].input.append("^node_0" if reached else "node_2")
        definition = graph.signature_def["serving_default"]
        definition.outputs["y"].name = "node_1:0"
        return _ops.inspect(graph).problems

    assert build(reached=False) == ()
    (problem,) = build(reached=True)
    assert "signature 'serving_default': op RandomUniform" in problem


def test_every_reading_op_exists_and_is_called_stateful():
    """A name that TensorFlow drops or no longer calls stateful can go."""
    from tensorflow.python.framework import op_def_registry

    for op in _ops.READING_OPS:
        assert hasattr(tf.raw_ops, op)
        assert op_def_registry.get(op).is_stateful
