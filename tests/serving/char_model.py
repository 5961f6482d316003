"""A small character-level model with its signatures, to export and serve."""

import keras
import tensorflow as tf

from keras_seq.serving import Signature

ALPHABET = "abcdefghijklmnopqrstuvwxyz é|"
UNITS = 24
START = "|"

STRINGS = tf.TensorSpec([None], tf.string)
FLOATS = tf.TensorSpec([None], tf.float32)
INTS = tf.TensorSpec([None], tf.int64)


class CharModel(keras.Model):
    """Embedding, LSTM, logits; with the table from characters to ids."""

    def __init__(self):
        super().__init__()
        characters = tf.strings.unicode_split(ALPHABET, "UTF-8")
        ids = tf.range(1, len(ALPHABET) + 1, dtype=tf.int64)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(characters, ids), 0
        )
        self.embedding = keras.layers.Embedding(len(ALPHABET) + 1, 12)
        self.lstm = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)
        # Larger weights than a fresh model's, so that the next characters differ.
        self.logits = keras.layers.Dense(
            len(ALPHABET) + 1,
            kernel_initializer=keras.initializers.RandomNormal(stddev=3.0, seed=4),
        )

    def call(self, ids):
        hidden, _, _ = self.lstm(self.embedding(ids))
        return self.logits(hidden)

    def step(self, ids, state):
        hidden, *state = self.lstm(self.embedding(ids[:, None]), initial_state=state)
        return self.logits(hidden[:, 0]), state

    def to_ids(self, text):
        """Strings (B,) to ids (B, T) and lengths (B,)."""
        ids = self.table.lookup(tf.strings.unicode_split(text, "UTF-8"))
        return ids.to_tensor(0), ids.row_lengths()

    def score(self, text):
        """Nats that each text costs after the start character."""
        ids, lengths = self.to_ids(tf.strings.join([START, text]))
        costs = tf.nn.sparse_softmax_cross_entropy_with_logits(
            ids[:, 1:], self(ids[:, :-1])
        )
        kept = tf.sequence_mask(lengths - 1, tf.shape(costs)[1], costs.dtype)
        return {"nats": tf.reduce_sum(costs * kept, 1), "characters": lengths - 1}

    def generate(self, prompt, temperature, seed, length):
        """Continues each prompt by `length` characters; 0 degrees is greedy."""
        ids, lengths = self.to_ids(tf.strings.join([START, prompt]))
        rows = tf.shape(ids)[0]
        wanted = lengths + length
        alphabet = tf.concat([[""], tf.strings.unicode_split(ALPHABET, "UTF-8")], 0)

        def body(time, current, state, text):
            logits, state = self.step(current, state)
            logits = tf.where(tf.range(len(ALPHABET) + 1) > 0, logits, -float("inf"))
            uniform = tf.map_fn(
                lambda one: tf.random.stateless_uniform(
                    [len(ALPHABET) + 1], tf.stack([one, time]), minval=1e-6
                ),
                seed,
                fn_output_signature=tf.float32,
            )
            noise = -tf.math.log(-tf.math.log(uniform)) * temperature[:, None]
            sampled = tf.argmax(logits + noise, -1)
            time += 1
            given = ids[:, tf.minimum(time, tf.shape(ids, tf.int64)[1] - 1)]
            following = tf.where(time < lengths, given, sampled)
            character = tf.where(time < wanted, tf.gather(alphabet, following), "")
            return time, following, state, tf.strings.join([text, character])

        zeros = tf.zeros([rows, UNITS])
        text = tf.while_loop(
            lambda time, *_: time + 1 < tf.reduce_max(wanted),
            body,
            (tf.constant(0, tf.int64), ids[:, 0], [zeros, zeros], tf.fill([rows], "")),
        )[-1]
        return {"text": tf.ensure_shape(text, [None])}

    def complete(self, prompt):
        """The most likely eight characters after each prompt."""
        rows = tf.shape(prompt)[:1]
        eight = tf.fill(rows, tf.constant(8, tf.int64))
        seed = tf.zeros(rows, tf.int64)
        return self.generate(prompt, tf.zeros(rows), seed, eight)


def build():
    keras.utils.set_random_seed(3)
    model = CharModel()
    model(tf.zeros([1, 2], tf.int64))
    return model


def signatures(model):
    return {
        "serving_default": Signature(
            model.complete,
            {"prompt": STRINGS},
            outputs=["text"],
            description="Completes a line.",
            notes={"prompt": "lower-case text", "text": "prompt and completion"},
        ),
        "generate": Signature(
            model.generate,
            {"prompt": STRINGS, "temperature": FLOATS, "seed": INTS, "length": INTS},
        ),
        "score": Signature(model.score, {"text": STRINGS}),
    }


WARMUP = {
    "serving_default": [{"prompt": ["the café", "a"]}, {"prompt": [""]}],
    "generate": [
        {
            "prompt": ["once upon", "x", "hello"],
            "temperature": [0.0, 1.0, 2.5],
            "seed": [0, 7, 7],
            "length": [3, 9, 0],
        }
    ],
    "score": [{"text": ["a line", "another line é"]}],
}

CARD = {
    "name": "Characters, small",
    "description": "Predicts the next character.",
    "data": "None: the weights are random.",
    "terms": ["Apache-2.0"],
    "metrics": {"test": {"nats": 3.25, "accuracy": 0.5}, "baseline": {"nats": 3.4}},
}
