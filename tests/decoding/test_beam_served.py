"""A served beam search takes width, penalties and constraint in its request."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Beam, ForcedPrefix, generate
from tests.decoding import beams
from tests.decoding.translator import Translator

MODEL = Translator(6, [3, 5, 1, 4], seed=31)
START = 2
REQUEST = {
    "source": [0, 1, 2, 3, 1],
    "width": [1, 4, 2, 3, 4],
    "length_penalty": [0.0, 1.0, 2.0, 0.5, 0.0],
    "coverage_penalty": [0.3, 0.0, 0.1, 0.6, 0.0],
    "length": [8, 3, 6, 7, 8],
    "prefix": [[-1, -1], [4, -1], [-1, -1], [3, 1], [-1, 5]],
}


def translate(source, width, length_penalty, coverage_penalty, length, prefix):
    constants = {
        name: tf.gather(MODEL.constants[name], source) for name in ("memory", "mask")
    }
    result = generate(
        MODEL.step,
        tf.gather(MODEL.state, source),
        tf.fill(tf.shape(source), START),
        max_length=length,
        strategy=Beam(
            width,
            max_width=4,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            coverage_mask=constants["mask"],
        ),
        end_token=0,
        constants=constants,
        constraint=ForcedPrefix(prefix),
    )
    fields = {name: getattr(result, name) for name in ("ids", "lengths", "finished")}
    # JSON knows no infinity.
    return {
        **fields,
        "log_probs": result.log_probs,
        "scores": tf.maximum(result.scores, -1e30),
        "attention": result.kept["attention"],
        "read": result.kept["read"],
    }


class Served:
    """A `Generation` from a dict of outputs."""

    def __init__(self, outputs):
        values = {name: value.numpy() for name, value in outputs.items()}
        self.kept = {name: values.pop(name) for name in ("attention", "read")}
        scores = values.pop("scores")
        self.scores = np.where(scores == np.float32(-1e30), -np.inf, scores)
        self.__dict__.update(values)


def test_the_export_gives_what_the_oracle_gives(tmp_path):
    pytest.importorskip("tensorflow_serving")
    from keras_seq.serving import Signature, check, export

    dtypes = {
        "length_penalty": tf.float32,
        "coverage_penalty": tf.float32,
    }
    signature = Signature(
        translate,
        {
            name: tf.TensorSpec(
                [None, 2] if name == "prefix" else [None], dtypes.get(name, tf.int32)
            )
            for name in REQUEST
        },
    )
    export(
        keras.layers.Identity(),
        tmp_path,
        {"serving_default": signature},
        warmup={"serving_default": [REQUEST]},
    )
    check(tmp_path)
    loaded = tf.saved_model.load(tmp_path / "1").signatures["serving_default"]
    served = loaded(
        **{
            name: tf.constant(value, dtypes.get(name, tf.int32))
            for name, value in REQUEST.items()
        }
    )
    result = Served(served)
    columns = zip(*REQUEST.values(), strict=True)
    for row, (source, width, alpha, beta, length, prefix) in enumerate(columns):

        def allowed(ids, token, prefix=prefix):
            return len(ids) > 1 or prefix[len(ids)] in (-1, token)

        found = beams.expected(
            MODEL, source, START, length, width, alpha=alpha, beta=beta, allowed=allowed
        )
        beams.assert_beams(result, row, found, START)
