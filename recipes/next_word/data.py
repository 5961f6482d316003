"""The next-word recipe's settings and its texts."""

import dataclasses
import functools
import os
import re
from pathlib import Path
from typing import Literal

import numpy as np

from keras_seq.runs import check_settings
from keras_seq.text import (
    UNKNOWN,
    DocumentSplit,
    SubwordVocabulary,
    TextCorpus,
    Vocabulary,
    WordVocabulary,
    encodable,
    encode_document,
    mark_lines,
    read_documents,
    split_documents,
)

OUT = "runs/next_word"
PYDOC, SHAKESPEARE = "pydoc", "tinyshakespeare"
# Where char-rnn's input.txt is looked for.
SHAKESPEARE_FILES = (
    "data/tinyshakespeare/input.txt",
    "../shared/data/tinyshakespeare/input.txt",
    "~/.keras/datasets/tinyshakespeare/input.txt",
)
FEWEST_WORDS = 2000  # of all texts together
QUICK_WORDS = 20_000  # of the training texts with `quick`
SUBWORDS = 3000
READ = 2e6  # tokens, in all epochs together


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    data: str = PYDOC
    """Texts to learn from: pydoc (what Python's help() knows of the language);
    tinyshakespeare; a text file; or a folder of .txt files."""
    out: str = OUT
    """Folder for everything that the run makes."""
    level: Literal["word", "subword"] = "word"
    """word: rare words are unknown. subword: words are made of pieces, and none is
    unknown."""
    seed: int = 1
    """Seed of the split, the weights, the order, the dropout and what is written."""
    epochs: int | None = None
    """Passes over the training texts at most. By default as many as read 2 million
    tokens, 40 at most; 3 with `quick`."""
    units: int | None = None
    """Units of an LSTM layer; half of it is the size of the embeddings. By default
    512; 64 with `quick`."""
    layers: int = 1
    """Number of LSTM layers."""
    dropout: float = 0.4
    """Share of inputs, outputs and entries of the recurrent kernel that is dropped in
    training, the same at all steps of a window; and four times the share of the
    words."""
    min_count: int = 3
    """Words that the training texts have less often are unknown."""
    batch_size: int | None = None
    """Streams that are read side by side. By default 20; 8 with `quick`."""
    window: int = 40
    """Steps that gradients go back at most; the state goes on from window to window."""
    learning_rate: float = 2e-3
    """Highest learning rate: it rises to it, then falls on half a cosine."""
    quick: bool = False
    """A minute to see that all works: few texts, a small model."""
    resume: bool = False
    """Continue the run in `out`."""
    overwrite: bool = False
    """Replace the run in `out`."""

    def complete(self):
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "layers", "min_count", "batch_size", "window"),
            shares=("dropout",),
            above_0=("learning_rate",),
            seeds=("seed",),
        )
        if self.units is not None and self.units < 2:
            raise ValueError(f"`units` must be at least 2; received {self.units!r}.")
        path = Path(self.data)
        return dataclasses.replace(
            self,
            # From another folder, a relative path would name another file.
            data=str(path.resolve()) if self.data and path.exists() else self.data,
            epochs=self.epochs or (3 if self.quick else None),
            units=self.units or (64 if self.quick else 512),
            batch_size=self.batch_size or (8 if self.quick else 20),
        )


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
    def train_ids(self):
        """The ids of the training documents, as the model reads them."""
        return self.ids(self.train)

    def ids(self, documents):
        """The ids of documents between their marks, as the model reads them."""
        return [encode_document(self.vocabulary, text) for text in documents]

    def count(self, documents):
        """Words of documents, with ends of lines and end marks."""
        return sum(len(encode_document(self.words, text)) - 1 for text in documents)

    def known(self):
        """What the verbs need of the data."""
        return {
            "digest": self.corpus.digest,
            "vocabulary": self.vocabulary.to_config(),
        }

    def description(self):
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
            "empty": list(self.corpus.empty),
            "duplicates": self.split.duplicates,
            "repeated_paragraphs": self.split.repeated,
            "repeated_words": self.split.repeated_words,
            "vocabulary": len(self.vocabulary),
            "words_known": len(self.words.words),
            "test_unknown": float(np.mean(np.concatenate(ids) == UNKNOWN)),
            "terms": self.terms,
        }


def load_data(config):
    """Reads and splits the texts, and fits the vocabularies."""
    try:
        if encodable(config.data) != config.data:
            raise ValueError(
                f"the name must be UTF-8; received {os.fsencode(config.data)!r}."
            )
        corpus, terms = _corpus(config.data)
        print(corpus.summary())
        count = sum(len(text.split()) for text in corpus.texts)
        if count < FEWEST_WORDS:
            raise ValueError(
                f"{config.data!r} has {count} words; {FEWEST_WORDS} are needed at "
                "least."
            )
        split = split_documents(corpus.texts, (0.8, 0.1, 0.1), seed=config.seed)
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    if summary := split.summary():
        print(summary)
    train, validation, test = ([text.strip() for text in p] for p in split.parts)
    if config.quick:
        shares = (QUICK_WORDS, QUICK_WORDS // 8, QUICK_WORDS // 8)
        train, validation, test = map(_first_words, (train, validation, test), shares)
    marked = [mark_lines(text) for text in train]
    words = WordVocabulary.fit(marked, min_count=config.min_count)
    if not words.words:
        raise ValueError(
            f"--data {config.data!r}: no word comes {config.min_count} times, "
            "`min_count`, in the training texts."
        )
    vocabulary: Vocabulary = words
    if config.level == "subword":
        vocabulary = SubwordVocabulary.fit(marked, size=SUBWORDS)
    return Data(corpus, split, terms, train, validation, test, words, vocabulary)


def _corpus(data):
    """The documents, and their terms."""
    if data == PYDOC:
        from pydoc_data.topics import topics

        # Underlined headings: the lines of * or = are no words.
        texts = (re.sub(r"(?m)^([^\w\s])\1{2,}\n", "", t) for t in topics.values())
        corpus = TextCorpus(PYDOC, tuple(topics), tuple(texts))
        return corpus, "Python's documentation: Python Software Foundation License."
    if data == SHAKESPEARE and not Path(data).exists():
        files = [Path(name).expanduser() for name in SHAKESPEARE_FILES]
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            raise ValueError(
                f"{SHAKESPEARE!r} is read from a file that isn't here: it is "
                "data/tinyshakespeare/input.txt of github.com/karpathy/char-rnn, and "
                f"is looked for as {', '.join(SHAKESPEARE_FILES)}. Or give its path."
            )
        corpus = dataclasses.replace(read_documents(found), name=SHAKESPEARE)
        return corpus, "Shakespeare's plays, collected by A. Karpathy: public domain."
    if not os.path.lexists(data):
        raise ValueError(
            f"{data!r} is neither {PYDOC}, {SHAKESPEARE}, nor a file or folder."
        )
    return read_documents(data), "Those of your texts."


def _first_words(texts, count):
    """The first texts, cut where they have so many words together."""
    kept = []
    for text in texts:
        words = text.split(" ")
        kept.append(" ".join(words[:count]))
        count -= len(words)
        if count <= 0:
            break
    return kept
