"""Speed of translation models: training, and decoding.

    python benchmarks/attention.py [--repeats N] [--out FILE]

Training: a step with its gradients and Adam, in turns, in target tokens per second;
the recipe's recurrent model (LSTM and GRU) beside the same model written in PyTorch as
the tutorials have it, token by token, with the same number of threads; and the recipe's
transformer beside one of Keras's own layers. Shapes are (B, S, T, units, vocabulary);
embeddings have units / 2 features. Ratios above 1 say that ours is faster.

Decoding: 64 sentences with `generate`, greedily and with a beam of 5, beside a loop in
Python that calls the model's step for every token of every sentence (timed on a few
sentences), both with weights that let no sentence end before `LENGTH` tokens.
"""

import argparse
import statistics
import types
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from _keras_transformer import Translation as KerasTransformer
from _timing import interleaved, machine, threads, write_json

from keras_seq.decoding import Beam, Greedy, generate
from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    EncoderDecoder,
    ExplicitGRU,
    ExplicitGRUCell,
)
from recipes.translation import Config, build_model
from recipes.translation.settings import DEFAULTS

try:
    import torch
    from _torch_translation import Translation as TorchTranslation
except ImportError:
    torch = None

SHAPES = ((128, 14, 14, 512, 4000), (64, 30, 30, 512, 4000), (64, 14, 14, 256, 8000))
SENTENCES, LENGTH, FEW = 64, 20, 2


class GRUEncoder(keras.layers.Layer):
    """A bidirectional GRU, and the state that the decoder starts from."""

    def __init__(self, units, decoder_units):
        super().__init__()
        self.supports_masking = True
        self.reader = keras.layers.Bidirectional(
            ExplicitGRU(units, return_sequences=True, return_state=True)
        )
        self.bridge = keras.layers.Dense(decoder_units, activation="tanh")

    def build(self, x_shape):
        self.reader.build(x_shape)
        self.bridge.build((None, self.reader.forward_layer.units))

    def call(self, x, mask=None, training=False):
        memory, _, backwards = self.reader(x, mask=mask, training=training)
        return memory, [self.bridge(backwards)]


def gru(units, vocabulary):
    """The recipe's recurrent model with GRUs."""
    model = EncoderDecoder(
        GRUEncoder(units // 2, units),
        AttentionDecoder(ExplicitGRUCell(units), BahdanauAttention(units // 2)),
        vocabulary,
        source_vocabulary=vocabulary,
        share_embeddings=True,
        dim=units // 2,
    )
    model.build({"source": (None, None), "target": (None, None)})
    return model


def ours(architecture, units, vocabulary):
    """The recipe's model, of one vocabulary of this size."""
    layers = DEFAULTS[architecture].layers
    config = Config(architecture=architecture, units=units, layers=layers, dropout=0.0)
    ids = range(vocabulary)
    data = types.SimpleNamespace(
        source=ids, target=ids, steps_per_epoch=1, epochs=100, steps=100, warmup_steps=1
    )
    return build_model(config.complete(), data)


def keras_step(model, source, target, following):
    """A training step of a Keras model, as a function."""
    ids = keras.ops.ones((1, 2), "int32")
    model({"source": ids, "target": ids})
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(model.trainable_variables)
    spec = tf.TensorSpec([None, None], tf.int32)

    @tf.function(autograph=False, input_signature=[spec] * 3)
    def step(source, target, following):
        with tf.GradientTape() as tape:
            logits = model({"source": source, "target": target}, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(following, logits)
            loss = tf.reduce_mean(losses)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return lambda: step(source, target, following).numpy()


def torch_step(kind, shape, source, target, following):
    """The same of PyTorch's model."""
    _, _, _, units, vocabulary = shape
    model = TorchTranslation(kind, vocabulary, units // 2, units, units // 2)
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    source, target, following = (
        torch.tensor(ids.astype("int64")) for ids in (source, target, following)
    )

    def step():
        optimizer.zero_grad()
        logits = model(source, target)
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, vocabulary), following.reshape(-1)
        )
        loss.backward()
        optimizer.step()

    return step


def training(shape, repeats):
    """Target tokens per second of each side, and ratios."""
    batch, source_length, target_length, units, vocabulary = shape
    rng = np.random.default_rng(0)
    data = [
        rng.integers(4, vocabulary, (batch, length)).astype("int32")
        for length in (source_length, target_length, target_length)
    ]
    dim = units // 2
    own = ours("transformer", units, vocabulary)
    layers, heads = own.decoder.num_layers, own.decoder.num_heads
    sides = {
        "LSTM": keras_step(ours("attention", units, vocabulary), *data),
        "GRU": keras_step(gru(units, vocabulary), *data),
        "transformer": keras_step(own, *data),
        "transformer, Keras": keras_step(
            KerasTransformer(vocabulary, dim, layers, heads, units), *data
        ),
    }
    if torch is not None:
        torch.set_num_threads(threads())
        for kind in ("LSTM", "GRU"):
            sides[f"{kind}, PyTorch"] = torch_step(kind, shape, *data)
    times = interleaved(sides, repeats)
    rates = {
        name: batch * target_length / taken["median"] * 1e3
        for name, taken in times.items()
    }
    ratios = {
        name.replace(", ", " / "): rates[name.split(", ")[0]] / rates[name]
        for name in rates
        if ", " in name
    }
    return {"shape": shape, "times": times, "tokens_per_second": rates, **ratios}


def in_python(model, source, width):
    """Sentence by sentence, token by token: what the tutorials do."""
    for row in source:
        state, constants = model.begin(np.repeat(row[None], width, axis=0), LENGTH)
        tokens = np.ones(width, "int32")
        total = np.where(np.arange(width) == 0, 0.0, -np.inf)
        for _ in range(LENGTH):
            logits, state, _ = model.step(tokens, state, constants)
            log_p = tf.nn.log_softmax(logits).numpy() + total[:, None]
            best = np.argsort(-log_p, axis=None)[:width]
            hypotheses, tokens = np.divmod(best, log_p.shape[1])
            total = log_p[hypotheses, tokens]
            state = tf.nest.map_structure(
                lambda x, h=hypotheses: tf.gather(x, h), state
            )
            tokens = tokens.astype("int32")


def decoding(name, architecture, repeats):
    """Sentences per second in the graph and in Python."""
    vocabulary = SHAPES[0][4]
    model = ours(architecture, SHAPES[0][3], vocabulary)
    model.bias.assign(np.where(np.arange(vocabulary) == 2, -99.0, 0.0))
    rng = np.random.default_rng(0)
    source = rng.integers(4, vocabulary, (SENTENCES, SHAPES[0][1])).astype("int32")
    results = {}
    for label, strategy, width in (("greedy", Greedy(), 1), ("beam 5", Beam(5), 5)):

        @tf.function(autograph=False)
        def run(source, strategy=strategy):
            state, constants = model.begin(source, LENGTH)
            return generate(
                model.step,
                state,
                tf.ones(tf.shape(source)[:1], tf.int32),
                constants=constants,
                max_length=LENGTH,
                strategy=strategy,
                end_token=2,
            ).ids

        times = interleaved(
            {
                "graph": lambda run=run: run(source).numpy(),
                "python": lambda width=width: in_python(model, source[:FEW], width),
            },
            repeats,
        )
        rates = {
            "graph": SENTENCES / times["graph"]["median"] * 1e3,
            "python": FEW / times["python"]["median"] * 1e3,
        }
        results[label] = {**rates, "ratio": rates["graph"] / rates["python"]}
        print(name, label, {k: round(v, 1) for k, v in results[label].items()})
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmarks/attention.json")
    )
    arguments = parser.parse_args()
    results = {"machine": machine(), "training": [], "decoding": {}}
    for shape in SHAPES:
        row = training(shape, arguments.repeats)
        results["training"].append(row)
        rates = {k: f"{v:,.0f}" for k, v in row["tokens_per_second"].items()}
        ratios = {k: round(v, 2) for k, v in row.items() if "/" in k}
        print(shape, rates, ratios, flush=True)
    for kind in [k for k in results["training"][0] if "/" in k]:
        mean = statistics.geometric_mean(row[kind] for row in results["training"])
        results[kind] = mean
        print(f"{kind}: {mean:.2f} (geometric mean)")
    for name, own in {"LSTM": "attention", "transformer": "transformer"}.items():
        results["decoding"][name] = decoding(name, own, arguments.repeats)
    write_json(arguments.out, results)


if __name__ == "__main__":
    main()
