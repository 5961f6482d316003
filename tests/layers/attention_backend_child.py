"""Runs decoders with the backend that KERAS_BACKEND names; see the test beside it.

Usage: python -m tests.layers.attention_backend_child RESULTS.npz
"""

import functools
import sys

import keras
import numpy as np
from keras import ops

from keras_seq.layers import (
    AttentionDecoder,
    BahdanauDecoder,
    ExplicitGRUCell,
    ExplicitLSTMCell,
    LuongAttention,
)
from tests.backend_child import gradients
from tests.layers.attentions import ATTENTIONS, randomise
from tests.reference.recurrence import mask_patterns

ROWS, STEPS, SOURCE, FEATURES, SIZE = 3, 4, 5, 2, 4
RNG = np.random.default_rng(70)
INPUTS = RNG.normal(size=(ROWS, STEPS, FEATURES)).astype("float32")
MEMORY = RNG.normal(size=(ROWS, SOURCE, SIZE)).astype("float32")
MASK = mask_patterns(ROWS, SOURCE)["whole rows"]
DECODERS = {
    "by hand": lambda: BahdanauDecoder(4, 3),
    "by hand, GRU": lambda: BahdanauDecoder(4, 3, cell="gru", output_units=3),
    "apart": lambda: AttentionDecoder(
        [ExplicitLSTMCell(4), keras.layers.GRUCell(3)],
        LuongAttention(),
        attend="after",
        input_feeding=False,
    ),
    "apart, before": lambda: AttentionDecoder(
        ExplicitLSTMCell(4, layer_norm=True),
        ATTENTIONS["monotonic-cumulative"](),
        input_feeding=False,
    ),
    "in turn": lambda: AttentionDecoder(
        ExplicitGRUCell(4), ATTENTIONS["luong-concat-fixed"](), attend="after"
    ),
    "in turn, before": lambda: AttentionDecoder(
        [ExplicitLSTMCell(4), ExplicitLSTMCell(4)], ATTENTIONS["bahdanau-previous"]()
    ),
}


def computed(name):
    """Names and values of results, of steps, and of gradients."""
    decoder = DECODERS[name]()
    decoder.build(INPUTS.shape, MEMORY.shape)
    randomise(decoder)
    decoder.attentions[0].noise = 0
    hidden = np.where(MASK[..., None], MEMORY, np.nan).astype("float32")
    found = functools.partial(results_of, decoder)
    slopes, results = gradients(found, [INPUTS, hidden, np.float32(0.5)])
    return {**results, **{f"gradient {n}": slope for n, slope in enumerate(slopes)}}


def results_of(decoder, inputs, memory, start):
    """A loss on all that training gives; and that, and what inference gives."""
    options = {"memory_mask": MASK, "return_state": True}
    state = decoder.get_initial_state(memory, MASK)
    cell = keras.tree.map_structure(lambda s: s + start, state.cell)
    outputs, end, weights = decoder(
        inputs,
        memory,
        initial_state=cell,
        return_attention_scores=True,
        training=True,
        **options,
    )
    trained = [outputs, weights, *keras.tree.flatten(end)]
    loss = sum(ops.sum((n + 1.3) * y + y**3) for n, y in enumerate(trained))
    outputs, end = decoder(inputs, memory, **options)
    results = {"whole": outputs}
    results |= {f"trained {n}": y for n, y in enumerate(trained)}
    memory = ops.where(MASK[..., None], memory, 0)
    state, keys = (
        decoder.get_initial_state(memory, MASK),
        decoder.project_memory(memory),
    )
    stepped = []
    for t in range(STEPS):
        output, state, _ = decoder.step(inputs[:, t], state, memory, keys, MASK)
        stepped.append(output)
    results["stepped"] = ops.stack(stepped, 1)
    ends = zip(keras.tree.flatten(state), keras.tree.flatten(end), strict=True)
    for number, (stepped_end, whole_end) in enumerate(ends):
        results[f"end {number}"] = stepped_end
        results[f"end {number} of the whole"] = whole_end
    outputs, end = decoder(inputs[:, :0], memory, **options)
    results["no steps"] = outputs
    for number, value in enumerate(keras.tree.flatten(end)):
        results[f"no steps, end {number}"] = value
    return loss, results


def train():
    """A step of fit with everything that is drawn: in loops nothing may be."""
    inputs = keras.Input((STEPS, FEATURES)), keras.Input((SOURCE, SIZE))
    x = inputs[0]
    for feeding in (True, False):
        cell = ExplicitLSTMCell(4, dropout=0.3, recurrent_dropout=0.2)
        attention = ATTENTIONS["monotonic"]()
        x = AttentionDecoder(cell, attention, input_feeding=feeding)(x, inputs[1])
    x = BahdanauDecoder(4, 3, attention_dropout=0.4)(x, inputs[1])
    model = keras.Model(inputs, x)
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit([INPUTS, MEMORY], np.zeros((ROWS, STEPS, 8)), verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        if old.dtype == "float32":
            assert np.isfinite(new).all()
            assert (old != new).any()


def main(path):
    keras.utils.set_random_seed(0)
    train()
    np.savez(
        path,
        **{
            f"{name}/{result}": ops.convert_to_numpy(value)
            for name in DECODERS
            for result, value in computed(name).items()
        },
    )


if __name__ == "__main__":
    main(sys.argv[1])
