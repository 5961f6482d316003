"""The translation recipe's pairs of sentences, and their vocabularies."""

import dataclasses
import functools
import itertools
import random
from pathlib import Path

import keras
import numpy as np

from keras_seq.runs import Progress
from keras_seq.text import (
    END,
    START,
    CharacterVocabulary,
    PairCorpus,
    SubwordVocabulary,
    Vocabulary,
    normalise,
    read_pairs,
    read_two,
    shared_pairs,
    split_pairs,
)
from keras_seq.training import pair_dataset
from recipes.translation.dates import dates
from recipes.translation.settings import DATES, TATOEBA, Config, names_of

TATOEBA_URL = "https://www.manythings.org/anki/fra-eng.zip"
FEWEST_PAIRS = 20  # to train on, validate and test
LARGEST_TEST = 1000  # pairs, and of the validation
LONGEST = 200  # tokens of a training sentence
HELD_OUT = 0.02  # of the pairs of locale and style, which only the test dates have


@dataclasses.dataclass(frozen=True)
class Data:
    """The pairs, split by sentence, and the vocabularies of the training pairs."""

    name: str
    digest: str
    terms: str
    train: list
    validation: list
    test: list
    source: Vocabulary
    target: Vocabulary
    epochs: int
    monitor: str
    config: Config
    styles: list | None = None
    shared: int = 0
    """Test pairs with a sentence that the training pairs have too."""

    def ids(self, pair, chance=None):
        """Ids of a pair with their marks; with a `chance`, words split at random."""
        source, target = pair
        rate = self.config.defaults.subword_dropout

        def encode(vocabulary, text):
            sampled = chance is not None and rate > 0
            if not sampled or not isinstance(vocabulary, SubwordVocabulary):
                return vocabulary.encode(text)
            return vocabulary.encode_sampled(text, chance, dropout=rate)

        read = encode(self.source, self.config.as_read(source))
        written = encode(self.target, target)
        return [*read[:LONGEST], END], [START, *written[:LONGEST], END]

    @functools.cached_property
    def steps_per_epoch(self):
        """Training steps in an epoch, of about as many tokens as suit."""
        total = sum(len(s) + len(t) - 1 for s, t in map(self.ids, self.train))
        return max(1, round(total / self.config.defaults.tokens))

    def training_batches(self, first_epoch):
        """Batches of all epochs from one on; words split at random, in each anew."""

        def pairs(epoch):
            chance = random.Random(f"{self.config.seed} {epoch}")
            return [self.ids(pair, chance) for pair in self.train]

        return pair_dataset(
            pairs,
            count=self.steps_per_epoch,
            seed=self.config.seed,
            first_epoch=first_epoch,
        )

    def validation_batches(self):
        """The validation pairs, once."""
        pairs = [self.ids(pair) for pair in self.validation]
        return pair_dataset(pairs, self.config.defaults.tokens)

    def keep_vocabularies(self, run):
        """Writes what the verbs need of the data; refuses data that have changed."""
        known = {
            "digest": self.digest,
            "pairs": [len(self.train), len(self.validation), len(self.test)],
            "source": self.source.to_config(),
            "target": self.target.to_config(),
        }
        run.keep_known("vocabulary.json", known, self.name)

    def description(self):
        """What metrics.json says of the data."""
        return {
            "name": self.name,
            "digest": self.digest,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "test_shared": self.shared,
            "source_vocabulary": len(self.source),
            "target_vocabulary": len(self.target),
            "terms": self.terms,
        }


def load_data(config):
    """Reads or writes the pairs, splits them, and fits the vocabularies."""
    if config.data == DATES:
        return _dates(config)
    corpus, parts, terms = _sentences(config)
    train, validation, test = parts
    if config.quick:
        train, validation, test = train[:400], validation[:50], test[:50]
    if min(map(len, (train, validation, test))) < 1 or len(train) < FEWEST_PAIRS:
        raise ValueError(
            f"--data {config.data!r} has {len(train)} training, {len(validation)} "
            f"validation and {len(test)} test pairs; {FEWEST_PAIRS}, 1 and 1 are "
            "needed at least."
        )
    sides = [[pair[side] for pair in train] for side in (0, 1)]
    shared = len(shared_pairs(test, train))
    if shared:
        print(f"{shared} of {len(test)} test pairs have a sentence that training has")
    if config.separate_vocabularies:
        source, target = (
            SubwordVocabulary.fit(texts, size=config.vocabulary_size) for texts in sides
        )
    else:
        source = target = SubwordVocabulary.fit(
            [*sides[0], *sides[1]], size=config.vocabulary_size
        )
    longer = sum(
        max(len(source.encode(s)), len(target.encode(t))) > LONGEST for s, t in train
    )
    if longer:
        print(f"{longer} training pairs are cut off behind {LONGEST} tokens")
    return Data(
        name=corpus.name,
        digest=corpus.digest,
        terms=terms,
        train=train,
        validation=validation,
        test=test,
        source=source,
        target=target,
        epochs=_epochs(config, len(train)),
        monitor="val_bleu",
        config=config,
        shared=shared,
    )


def _dates(config):
    """Dates written out, no day of which is in two parts."""
    counts = {"train": 240_000, "validation": 2000, "test": 4000}
    if config.quick:
        counts = {"train": 2000, "validation": 100, "test": 100}
    drawn = {
        part: dates(
            count,
            part=part,
            seed=config.seed,
            held_out=HELD_OUT,
            progress=Progress(f"writing dates, {part}"),
        )
        for part, count in counts.items()
    }
    parts = {
        part: [(normalise(date.text), date.iso) for date in found]
        for part, found in drawn.items()
    }
    corpus = PairCorpus(DATES, tuple(itertools.chain(*parts.values())), 0, 0)
    return Data(
        name=DATES,
        digest=corpus.digest,
        terms="Written by this recipe from the Unicode Common Locale Data Repository "
        "(Unicode License), through Babel.",
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        source=SubwordVocabulary.fit(
            [config.as_read(text) for text, _ in parts["train"]],
            size=config.vocabulary_size,
        ),
        target=CharacterVocabulary("-0123456789"),
        epochs=_epochs(config, len(parts["train"])),
        monitor="val_exact",
        config=config,
        styles=[
            f"{date.style}{', held out' if date.held_out else ''}"
            for date in drawn["test"]
        ],
    )


def _epochs(config, pairs):
    """Passes over the training pairs: as many as suit their number."""
    suited = np.clip(round(config.defaults.read / pairs), 1, config.defaults.epochs)
    return config.epochs or (3 if config.quick else int(suited))


def _sentences(config):
    """The corpus, its three parts, and its terms."""
    columns = (1, 0) if config.reverse else (0, 1)
    terms = "Those of your file."
    path = Path(config.data)
    try:
        if config.data == TATOEBA:
            path, terms = _fetched(), "CC BY 2.0, the contributors of tatoeba.org."
            columns = columns[::-1]  # the file has English first
        if path.is_dir():
            return _three_files(path, columns, terms)
        names = names_of(config.data)
        if len(names) == 2:
            corpus = read_two(*(names[column] for column in columns))
        else:
            corpus = read_pairs(path, columns=columns)
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    print(corpus.summary())
    pairs = [(normalise(s), normalise(t)) for s, t in corpus.pairs]
    share = min(0.1, LARGEST_TEST / len(pairs))
    try:
        parts = split_pairs(
            pairs, (1 - 2 * share, share, share), seed=config.seed, by="both"
        )
    except ValueError as error:
        raise ValueError(
            f"--data {config.data!r}: {len(pairs)} pairs can't be split into training, "
            f"validation and test: {error}"
        ) from error
    return corpus, parts, terms


def _three_files(folder, columns, terms):
    """A folder with a split of its own."""
    corpora = [
        read_pairs(folder / f"{part}.tsv", columns=columns)
        for part in ("train", "validation", "test")
    ]
    for corpus in corpora:
        print(corpus.summary())
    parts = [
        [(normalise(s), normalise(t)) for s, t in corpus.pairs] for corpus in corpora
    ]
    whole = PairCorpus(
        folder.name, tuple(pair for corpus in corpora for pair in corpus.pairs), 0, 0
    )
    return whole, parts, terms


def _fetched():
    """The file with Tatoeba's pairs, downloaded once."""
    try:
        return Path(
            keras.utils.get_file("fra-eng.zip", TATOEBA_URL, cache_subdir="datasets")
        )
    except Exception as error:  # Keras raises nothing more special
        raise OSError(
            f"{TATOEBA_URL} can't be fetched: {error}. If you have the file, give it "
            "with --data FILE --reverse."
        ) from error
