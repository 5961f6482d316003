"""The next-word recipe's texts: read, split, as ids."""

import dataclasses
import functools
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.text import (
    UNKNOWN,
    DocumentSplit,
    TextCorpus,
    Vocabulary,
    WordVocabulary,
    count_words,
    encodable,
    encode_document,
    is_mostly_unspaced,
    parse_columns,
    read_documents,
    split_documents,
)
from keras_seq.training import passes_per_epoch, stream_dataset, stream_steps
from recipes.next_word.settings import PYDOC, SHAKESPEARE, CompleteConfig

# Where char-rnn's input.txt is looked for.
SHAKESPEARE_FILES = (
    "data/tinyshakespeare/input.txt",
    "../shared/data/tinyshakespeare/input.txt",
    "~/.keras/datasets/tinyshakespeare/input.txt",
)
FEWEST_WORDS = 2000  # of all texts together
QUICK_WORDS = 20_000  # of the training texts with `quick`
FEWEST_STEPS = 50  # of training in an epoch
READ = 2e6  # tokens, in all epochs together
FRESH = 0.1  # share of the windows that begin like a text, without what was before


@dataclasses.dataclass(frozen=True)
class Data:
    """The texts, split by document, and the vocabularies of the training texts.

    `words` is the vocabulary of the baselines, and of a model of words.
    """

    corpus: TextCorpus
    split: DocumentSplit
    terms: str
    train: list[str]
    validation: list[str]
    test: list[str]
    words: WordVocabulary
    vocabulary: Vocabulary

    @functools.cached_property
    def train_ids(self) -> list[list[int]]:
        """The ids of the training documents, as the model reads them."""
        return self.ids(self.train)

    def ids(self, documents: Iterable[str]) -> list[list[int]]:
        """The ids of documents between their marks, as the model reads them."""
        return [encode_document(self.vocabulary, text) for text in documents]

    def count(self, documents: Iterable[str]) -> int:
        """Words of documents, with ends of lines and end marks."""
        return sum(len(encode_document(self.words, text)) - 1 for text in documents)

    def training_length(self, config: CompleteConfig) -> tuple[int, int]:
        """Epochs of training, and the steps of one.

        ValueError if the texts are too short for them.
        """
        tokens = sum(map(len, self.train_ids))
        if 0 < (longest := tokens // config.batch_size) < config.window:
            raise ValueError(
                f"`window` must be at most {longest}, what each of {config.batch_size} "
                f"streams of the training texts has; received {config.window}."
            )
        passes, steps = self._pass(config)
        epochs = int(np.clip(round(READ / (passes * tokens)), 1, 40))
        return config.epochs or epochs, passes * steps

    def _pass(self, config: CompleteConfig) -> tuple[int, int]:
        """Passes over the training texts in an epoch, and the steps of one."""
        steps = stream_steps(self.train_ids, config.batch_size, config.window)
        passes = 1 if config.quick else passes_per_epoch(max(1, steps), FEWEST_STEPS)
        return passes, steps

    def training_batches(
        self, config: CompleteConfig, first_epoch: int
    ) -> Iterable[Any]:
        """A `tf.data.Dataset` of the epochs from `first_epoch` on."""
        return stream_dataset(
            self.train_ids,
            config.batch_size,
            config.window,
            seed=config.seed,
            first_epoch=first_epoch * self._pass(config)[0],
            fresh=FRESH,
        )

    def known(self) -> dict[str, Any]:
        """What the verbs need of the data."""
        return {
            "digest": self.corpus.digest,
            "vocabulary": self.vocabulary.to_config(),
        }

    def description(self) -> dict[str, Any]:
        """What metrics.json says of the data."""
        ids = [encode_document(self.words, text)[1:] for text in self.test]
        return {
            "name": self.corpus.name,
            "digest": self.corpus.digest,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "train_words": self.count(self.train),
            "test_words": self.count(self.test),
            "cut_texts": self.corpus.cut,
            "not_utf8": list(self.corpus.not_utf8),
            "encodings": sorted(set(self.corpus.encodings)),
            "lines": self.corpus.lines,
            "empty": list(self.corpus.empty),
            "duplicates": self.split.duplicates,
            "repeated_paragraphs": self.split.repeated,
            "repeated_words": self.split.repeated_words,
            "vocabulary": len(self.vocabulary),
            "words_known": len(self.words.words),
            "test_unknown": float(np.mean(np.concatenate(ids) == UNKNOWN)),
            "terms": self.terms,
        }


def read_texts(config: CompleteConfig) -> tuple[TextCorpus, str, DocumentSplit]:
    """The documents, their terms, and the documents in three parts."""
    try:
        if encodable(config.data) != config.data:
            raise ValueError(
                f"the name must be UTF-8; received {os.fsencode(config.data)!r}."
            )
        corpus, terms = _corpus(config)
        print(corpus.summary())
        count = sum(map(count_words, corpus.texts))
        if count < FEWEST_WORDS:
            raise ValueError(
                f"{config.data!r} has {count} words; {FEWEST_WORDS} are needed at "
                "least."
            )
        if unspaced := sum(map(is_mostly_unspaced, corpus.texts)):
            print(
                f"{unspaced} of {len(corpus)} are written without spaces: each letter "
                "is a word"
            )
        split = split_documents(
            corpus.texts,
            (0.8, 0.1, 0.1),
            seed=config.seed,
            parts=corpus.parts,
            lines=corpus.lines,
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    if summary := split.summary():
        print(summary)
    return corpus, terms, split


def used_parts(config: CompleteConfig, split: DocumentSplit) -> list[list[str]]:
    """The three parts; with `quick` the first words of each."""
    parts = [[text.strip() for text in part] for part in split.parts]
    if config.quick:
        shares = (QUICK_WORDS, QUICK_WORDS // 8, QUICK_WORDS // 8)
        return [_first_words(*pair) for pair in zip(parts, shares, strict=True)]
    return parts


def known_words(config: CompleteConfig, marked: list[str]) -> WordVocabulary:
    """The words that the training texts have often enough."""
    words = WordVocabulary.fit(marked, min_count=config.min_count)
    if not words.words:
        raise ValueError(
            f"--data {config.data!r}: no word comes {config.min_count} times, "
            "`min_count`, in the training texts."
        )
    return words


def _corpus(config: CompleteConfig) -> tuple[TextCorpus, str]:
    """The documents, and their terms."""
    data = config.data
    if data == PYDOC:
        from pydoc_data.topics import topics

        found = dict(topics)
        own = Path(__file__).with_name("on_sequences.md").read_text("utf-8")
        for section in own.split("\n# ")[::-1]:  # first, so that `quick` has them
            name, written = section.removeprefix("# ").split("\n", 1)
            found = {name: " ".join(written.split()), **found}
        # Underlined headings: the lines of * or = are no words.
        texts = (re.sub(r"(?m)^([^\w\s])\1{2,}\n", "", t) for t in found.values())
        corpus = TextCorpus(PYDOC, tuple(found), tuple(texts))
        return corpus, (
            "Python's documentation: Python Software Foundation License; this "
            "project's text on sequences: Apache License 2.0."
        )
    if data == SHAKESPEARE and not Path(data).exists():
        files = [Path(name).expanduser() for name in SHAKESPEARE_FILES]
        shakespeare = next((file for file in files if file.is_file()), None)
        if shakespeare is None:
            raise ValueError(
                f"{SHAKESPEARE!r} is read from a file that isn't here: it is "
                "data/tinyshakespeare/input.txt of github.com/karpathy/char-rnn, and "
                f"is looked for as {', '.join(SHAKESPEARE_FILES)}. Or give its path."
            )
        corpus = dataclasses.replace(read_documents(shakespeare), name=SHAKESPEARE)
        return corpus, "Shakespeare's plays, collected by A. Karpathy: public domain."
    if not (os.path.lexists(data) or data.startswith("hf://")):
        raise ValueError(
            f"{data!r} is neither {PYDOC}, {SHAKESPEARE}, nor a file or folder, nor hf://NAME."
        )
    column = parse_columns(config.columns, 1)[0] if config.columns else None
    corpus = read_documents(data, column=column, encoding=config.encoding)
    return corpus, "Those of your texts."


def _first_words(texts: list[str], count: int) -> list[str]:
    """The first texts, cut where they have so many words together."""
    kept = []
    for text in texts:
        kept.append(first_words(text, count))
        count -= count_words(text)
        if count <= 0:
            break
    return kept


def first_words(text: str, count: int) -> str:
    """The beginning of a text, of so many words."""
    if is_mostly_unspaced(text):
        return text[:count]
    return " ".join(text.split(" ")[:count])
