"""Trains with the backend that KERAS_BACKEND names; run by test_inferred.py.

Usage: python -m tests.serving.trained_elsewhere FOLDER: model.keras and answers.npz.
"""

import sys
from pathlib import Path

import keras
import numpy as np


def main(folder):
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 9, (16, 6)) * (np.arange(6) < rng.integers(1, 7, (16, 1)))
    words = keras.Input((None,), dtype="int32", name="words")
    embedded = keras.layers.Embedding(9, 3, mask_zero=True)(words)
    scores = keras.layers.Dense(2)(keras.layers.LSTM(4)(embedded))
    model = keras.Model(words, {"scores": scores})
    model.compile("adam", "mse")
    model.fit(ids, {"scores": np.ones((16, 2))}, verbose=0)
    model.save(folder / "model.keras")
    np.savez(folder / "answers.npz", ids=ids, **model.predict(ids, verbose=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
