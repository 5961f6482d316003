"""Requests drawn at random, to a model that knows nothing: how many tunes obey.

    python -m benchmarks.music_requests [--count 1000] [--seed 1] [--run DIR]

Form, pickup, range, last note, key, metre and unit length are drawn, a tune is written
to each, in 300 characters or more; music21 and `validate` read it.
With `--run` it is the model of a music recipe's run that writes.
"""

import argparse
import random
import time

import keras

from keras_seq.layers import ExplicitLSTM
from keras_seq.music import TuneGrammar, TuneWriter
from recipes.music_generation import recipe
from tests.music.grammar.asked_reader import complaints, random_request
from tests.music.grammar.test_constraint import WHOLE


def untrained(seed):
    """The writer of a model that knows nothing."""
    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(WHOLE), 16)(ids)
    x, _, _ = ExplicitLSTM(32, return_sequences=True, return_state=True)(x)
    model = keras.Model(ids, keras.layers.Dense(len(WHOLE))(x))
    return TuneWriter(model, WHOLE, grammar=TuneGrammar(WHOLE))


def main():
    """Draws, judges and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run")
    args = parser.parse_args()
    writer = recipe._finished(args.run)[2] if args.run else untrained(args.seed)
    chance = random.Random(args.seed)
    obeyed = written = 0
    seconds = 0.0
    for number in range(args.count):
        request, given = random_request(chance)
        started = time.perf_counter()
        [tune] = writer.write(
            1,
            given={"T": "A", **given},
            asked=request,
            seed=number,
            max_length=chance.choice([300, 600, 1500]),
        )
        seconds += time.perf_counter() - started
        found = complaints(tune.text, request) if tune.finished else ["no end"]
        obeyed += not found
        written += len(tune.text)
        if found:
            print(f"{request}: {found}\n{tune.text}")
    rate = written / seconds
    print(f"{obeyed} of {args.count} obey; {rate:.0f} characters a second, one stream")


if __name__ == "__main__":
    main()
