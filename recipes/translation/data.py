"""The translation recipe's pairs of sentences: from where, and in which batches."""

import dataclasses
import functools
import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from keras_seq.runs import Progress, RunDirectory
from keras_seq.text import (
    END,
    START,
    CharacterVocabulary,
    PairCorpus,
    SubwordVocabulary,
    Vocabulary,
    normalise,
)
from keras_seq.training import pair_dataset, passes_per_epoch
from recipes.translation.dates import dates
from recipes.translation.settings import (
    DATES,
    FEWEST_SUBWORDS,
    CompleteConfig,
)

PAIRS = 4  # for each subword beside the characters
LONGEST = 200  # tokens of a training sentence
FEWEST_STEPS = 50  # of training in an epoch
STEPS_IN_A_PASS = 25  # where the pairs are few, with less tokens in a step
FEWEST_TOKENS = 512  # in a step
HELD_OUT = 0.02  # of the pairs of locale and style, which only the test dates have

Pair: TypeAlias = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of source and target in three parts.

    Attributes:
        name: Of the corpus.
        digest: Of its pairs.
        terms: On which they may be used.
        train: To learn from.
        validation: To choose the epoch by.
        test: To be judged by.
        styles: Of each test pair, where they are dates.
        shared: Test pairs with a sentence that training pairs had too, which were left
            out.
    """

    name: str
    digest: str
    terms: str
    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]
    styles: list[str] | None = None
    shared: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data(Pairs):
    """The pairs, the vocabularies of the training pairs, and the batches of ids."""

    source: Vocabulary
    target: Vocabulary
    config: CompleteConfig

    @property
    def monitor(self) -> str:
        """The figure that decides which epoch is best."""
        return "val_exact" if self.styles is not None else "val_bleu"

    @property
    def epochs(self) -> int:
        """Epochs of training at most: as many as suit the number of pairs."""
        config, defaults = self.config, self.config.defaults
        read = len(self.train) * self.passes
        suited = np.clip(round(defaults.read / read), 1, defaults.epochs)
        return config.epochs or (3 if config.quick else int(suited))

    def ids(
        self, pair: Pair, chance: random.Random | None = None
    ) -> tuple[list[int], list[int]]:
        """Ids of a pair with their marks; with a `chance`, words split at random."""
        source, target = pair
        rate = self.config.defaults.subword_dropout

        def encode(vocabulary: Vocabulary, text: str) -> list[int]:
            if isinstance(vocabulary, SubwordVocabulary) and chance and rate > 0:
                return vocabulary.encode_sampled(text, chance, dropout=rate)
            return vocabulary.encode(text)

        read = encode(self.source, self.config.as_read(source))
        written = encode(self.target, target)
        return [*read[:LONGEST], END], [START, *written[:LONGEST], END]

    @functools.cached_property
    def _lengths(self) -> np.ndarray:
        """Tokens of the training pairs, source and target, without marks: (N, 2)."""
        return np.array(
            [
                [
                    len(self.source.encode(self.config.as_read(source))),
                    len(self.target.encode(target)),
                ]
                for source, target in self.train
            ]
        )

    @property
    def cut(self) -> int:
        """How many training pairs are longer than what is read of them."""
        return int((self._lengths > LONGEST).any(axis=1).sum())

    @functools.cached_property
    def _steps(self) -> int:
        """Training steps of a pass, of about as many tokens as suit."""
        # A mark more: the end of either side. The target's start isn't predicted.
        total = int((np.minimum(self._lengths, LONGEST) + 1).sum())
        tokens = self.config.defaults.tokens
        if not self.config.quick:
            tokens = int(np.clip(total // STEPS_IN_A_PASS, FEWEST_TOKENS, tokens))
        return int(np.clip(round(total / tokens), 1, len(self.train)))

    @property
    def passes(self) -> int:
        """Passes over the training pairs in an epoch."""
        return 1 if self.config.quick else passes_per_epoch(self._steps, FEWEST_STEPS)

    @property
    def steps_per_epoch(self) -> int:
        """Training steps in an epoch."""
        return self._steps * self.passes

    @property
    def steps(self) -> int:
        """Training steps in all epochs."""
        return self.steps_per_epoch * self.epochs

    @property
    def warmup_steps(self) -> int:
        """Those in which the learning rate rises."""
        return min(400, self.steps // 5)

    def training_batches(self, first_epoch: int) -> Any:
        """Batches of all epochs from one on; words split at random, in each pass anew.

        Returns:
            A `tf.data.Dataset`, as `pair_dataset` gives.
        """

        def pairs(number: int) -> list[tuple[list[int], list[int]]]:
            chance = random.Random(f"{self.config.seed} {number}")
            return [self.ids(pair, chance) for pair in self.train]

        return pair_dataset(
            pairs,
            count=self._steps,
            seed=self.config.seed,
            first_epoch=first_epoch * self.passes,
        )

    def validation_batches(self) -> Any:
        """The validation pairs, once, as a `tf.data.Dataset`."""
        pairs = [self.ids(pair) for pair in self.validation]
        return pair_dataset(pairs, self.config.defaults.tokens)

    def tell(self) -> None:
        """Prints how they are read, where it isn't once an epoch and whole."""
        if self.passes > 1:
            print(
                f"{len(self.train)} training pairs are few: an epoch reads them "
                f"{self.passes} times, in {self.steps_per_epoch} steps"
            )
        if self.cut:
            print(f"{self.cut} training pairs are cut off behind {LONGEST} tokens")

    def keep_vocabularies(self, run: RunDirectory) -> None:
        """Writes what the verbs need of the data; refuses data that have changed."""
        known = {
            "digest": self.digest,
            "pairs": [len(self.train), len(self.validation), len(self.test)],
            "source": self.source.to_config(),
            "target": self.target.to_config(),
        }
        run.keep_known("vocabulary.json", known, self.name)

    def description(self) -> dict[str, Any]:
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


def date_pairs(config: CompleteConfig) -> Pairs:
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
    train, validation, test = (
        [(normalise(date.text), date.iso) for date in found] for found in drawn.values()
    )
    return Pairs(
        name=DATES,
        digest=_digest([train, validation, test]),
        terms="Written by this recipe from the Unicode Common Locale Data Repository "
        "(Unicode License), through Babel.",
        train=train,
        validation=validation,
        test=test,
        styles=[
            f"{date.style}{', held out' if date.held_out else ''}"
            for date in drawn["test"]
        ],
    )


def fit_vocabularies(
    train: list[Pair], config: CompleteConfig
) -> tuple[Vocabulary, Vocabulary]:
    """The vocabularies of the sources and of the targets, which may be one."""
    sources, targets = zip(*train, strict=True)

    def fit(texts: Sequence[str]) -> SubwordVocabulary:
        # Of few pairs many pieces would be whole phrases, and no word of theirs known.
        suited = FEWEST_SUBWORDS + len(set().union(*texts)) + len(train) // PAIRS
        size = min(config.vocabulary_size, suited)
        return SubwordVocabulary.fit(texts, size=size)

    if config.data == DATES:
        read = [config.as_read(written) for written in sources]
        return fit(read), CharacterVocabulary("-0123456789")
    if config.separate_vocabularies:
        return fit(sources), fit(targets)
    both = fit([*sources, *targets])
    return both, both


def _digest(parts: Iterable[Iterable[Pair]]) -> str:
    """The digest of all pairs, one part after the other."""
    return PairCorpus("", tuple(itertools.chain(*parts)), 0, 0).digest
