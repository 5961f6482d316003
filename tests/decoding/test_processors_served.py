"""What ends rows and changes logits comes with the request of a served model."""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from keras_seq.decoding import (
    Beam,
    FrequencyPenalty,
    LogitBias,
    MinP,
    PresencePenalty,
    RepetitionPenalty,
    Sample,
    Temperature,
    Typical,
    generate,
)

VOCABULARY = 6
TABLE = (
    np.random.default_rng(0).normal(0, 2, (VOCABULARY, VOCABULARY)).astype("float32")
)
REQUEST = {
    "start": np.array([1, 3, 5], "int32"),
    "length": np.array([9, 4, 7], "int32"),
    "least": np.array([0, 4, 5], "int32"),
    "seed": np.array([1, 2, 3], "int32"),
    "penalty": np.array([1.2, 1.0, 3.0], "float32"),
    "prompt": np.array([[1, 2], [-1, -1], [5, -1]], "int32"),
    "bias": np.random.default_rng(1).normal(size=(3, VOCABULARY)).astype("float32"),
    "stops": np.array(
        [[[4, -1], [1, -1]], [[4, -1], [1, -1]], [[1, 1], [-1, -1]]], "int32"
    ),
}


def write(start, length, least, seed, penalty, prompt, bias, stops):
    def step(tokens, state):
        return tf.gather(TABLE, tokens), state

    chain = [
        RepetitionPenalty(penalty, prompt=prompt),
        FrequencyPenalty(penalty),
        PresencePenalty(-penalty),
        LogitBias(bias),
        Temperature(penalty),
        MinP(penalty * 0.02),
        Typical(tf.minimum(penalty * 0.3, 1.0)),
    ]
    found = {}
    for name, strategy in (
        ("sample", Sample()),
        ("beams", Beam(4, groups=2, diversity_penalty=penalty)),
    ):
        result, reasons = generate(
            step,
            (),
            start,
            max_length=length,
            strategy=strategy,
            end_token=[0, 5],
            min_length=least,
            stop_sequences=stops,
            logits_processor=chain,
            seed=seed,
            return_reasons=True,
        )
        found[f"{name}_ids"] = result.ids
        found[f"{name}_lengths"] = result.lengths
        found[f"{name}_reasons"] = reasons
    return found


def test_a_row_gives_in_company_what_it_gives_alone():
    specs = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
        for name, value in REQUEST.items()
    }
    compiled = tf.function(write).get_concrete_function(**specs)
    served = compiled(**{name: tf.constant(value) for name, value in REQUEST.items()})
    reasons = set()
    for row in range(3):
        alone = {name: value[row : row + 1] for name, value in REQUEST.items()}
        alone = compiled(**{name: tf.constant(value) for name, value in alone.items()})
        for name, value in alone.items():
            its = served[name].numpy()[row]
            its = its[..., : value.shape[-1]] if name.endswith("ids") else its
            np.testing.assert_array_equal(its, value[0], err_msg=name)
            reasons |= set(value.numpy().ravel()) if name.endswith("reasons") else set()
    assert reasons == {1, 2, 3, 4}
    # Nothing that a server lacks or that is left behind.
    graph = compiled.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    names = {node.op for node in nodes}
    assert not {name for name in names if "PyFunc" in name or "Xla" in name}
    known = {name: op_def_registry.get(name) for name in names}
    stateful = {name for name, op in known.items() if op is not None and op.is_stateful}
    assert stateful <= {"If", "While", "StatefulPartitionedCall"}
