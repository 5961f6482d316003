"""The music recipe's tunes: read, in other keys, as ids."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_seq import music, runs
from keras_seq.text import END, START, CharacterVocabulary
from keras_seq.training import next_token_dataset, passes_per_epoch
from recipes.music_generation.copies import known_melodies
from recipes.music_generation.settings import CompleteConfig

FEWEST_TUNES = 20  # to train on, validate and test
FEWEST_STEPS = 25  # of training in an epoch
LONGEST_TUNE = 2000  # characters


@dataclasses.dataclass(frozen=True)
class Data:
    """The tunes as documents, split by tune, and what is known about them."""

    corpus: music.Corpus
    train: list[str]
    validation: list[str]
    test: list[str]
    duplicates: int
    vocabulary: CharacterVocabulary
    style: music.HeaderStyle

    def __post_init__(self) -> None:
        """Refuses tunes that are so alike that there are no three parts of them."""
        parts = (self.train, self.validation, self.test)
        if not all(parts):
            count = sum(map(len, parts))
            raise ValueError(
                f"--data: {self.corpus.name} has {count} usable tunes, of which "
                f"{self.duplicates} are settings of others: too few differ to train, "
                "validate and test on."
            )

    def ids(self, document: str) -> list[int]:
        """The token ids of a document between its marks."""
        return [START, *self.vocabulary.encode(document), END]

    def training_ids(self, config: CompleteConfig, epoch: int) -> list[list[int]]:
        """The training tunes of an epoch, a share of them in other keys."""
        chance = np.random.default_rng((config.seed, epoch))
        return [
            self.ids(
                music.transpose_at_random(document, self.style, chance)
                if chance.random() < config.transpose
                else document
            )
            for document in self.train
        ]

    def training_batches(
        self, config: CompleteConfig, first_epoch: int
    ) -> Iterable[Any]:
        """A `tf.data.Dataset` of the epochs from `first_epoch` on."""
        return next_token_dataset(
            lambda epoch: self.training_ids(config, epoch),
            config.batch_size,
            seed=config.seed,
            first_epoch=first_epoch * self._pass(config)[0],
        )

    def validation_batches(self) -> Iterable[Any]:
        """A `tf.data.Dataset` of the validation tunes."""
        return next_token_dataset([self.ids(d) for d in self.validation], 32)

    def training_length(self, config: CompleteConfig) -> tuple[int, int]:
        """Epochs of training, and the steps of one."""
        passes, steps = self._pass(config)
        characters = passes * sum(map(len, self.train))
        epochs = config.epochs or int(np.clip(round(5e6 / characters), 1, 24))
        return epochs, passes * steps

    def _pass(self, config: CompleteConfig) -> tuple[int, int]:
        """Passes over the training tunes in an epoch, and the steps of one."""
        steps = -(-len(self.train) // config.batch_size)
        return 1 if config.quick else passes_per_epoch(steps, FEWEST_STEPS), steps

    def known(self) -> dict[str, Any]:
        """What the verbs on a finished run need of the data."""
        return {
            "digest": self.corpus.digest,
            "characters": self.vocabulary.characters,
            "headers": self.style.counts,
            "copying": known_melodies(self.train, [*self.validation, *self.test]),
        }

    def sizes(self) -> dict[str, Any]:
        """What metrics.json says of the data."""
        return {
            "digest": self.corpus.digest,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "train_characters": sum(map(len, self.train)),
            "rejected": len(self.corpus.rejected),
            "near_duplicates": self.duplicates,
            "terms": self.corpus.terms,
        }


def read_tunes(config: CompleteConfig) -> tuple[music.Corpus, list[str]]:
    """The corpus, and those of its tunes that are used."""
    try:
        corpus = music.load_corpus(
            config.data, normalised=True, progress=runs.Progress("reading tunes")
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    print(f"{corpus.summary()}\nterms: {corpus.terms}")
    tunes = [tune for tune in corpus.texts if len(tune) <= LONGEST_TUNE]
    if config.quick:
        chosen = np.random.default_rng(config.seed).permutation(len(tunes))[:160]
        tunes = [tunes[i] for i in sorted(chosen)]
    if len(tunes) < FEWEST_TUNES:
        raise ValueError(
            f"--data {config.data!r} has {len(tunes)} usable tunes of at most "
            f"{LONGEST_TUNE} characters; {FEWEST_TUNES} are needed at least."
        )
    return corpus, tunes
