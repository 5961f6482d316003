"""What the next-word recipe's model is measured by, and beside what."""

from collections.abc import Callable, Iterable

import keras
import numpy as np

from keras_seq.text import (
    END,
    UNKNOWN,
    TextPredictor,
    encode_document,
    mark_lines,
    split_words,
)
from keras_seq.training import KneserNeyModel, NgramModel
from recipes.next_word.data import Data

LETTERS = 5  # order of the model that spells unknown words
CODE_POINTS = 0x110000  # characters that an unknown word may have
LINE_MARKS = ("↵", "¶")


class HeldOutPerplexity(keras.callbacks.Callback):
    """Logs the perplexity of the validation documents after every epoch.

    Args:
        predictor: `TextPredictor` of the model that is trained.
        data: The recipe's `Data`.
    """

    def __init__(self, predictor: TextPredictor, data: Data) -> None:
        super().__init__()
        self.predictor = predictor
        self.encoded = data.ids(data.validation)
        self.words = data.count(data.validation)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Puts "val_perplexity" into the logs."""
        nats = self.predictor.token_nats(self.encoded)
        total = sum(float(values.sum()) for values in nats)
        assert logs is not None  # `fit` always gives them
        logs["val_perplexity"] = float(np.exp(total / self.words))


def word_ids(data: Data, documents: Iterable[str]) -> list[list[int]]:
    """Documents as ids of words, whatever the model reads."""
    return [encode_document(data.words, text) for text in documents]


def baseline_nats(
    data: Data, progress: Callable[[int, int], object] | None = None
) -> dict[str, list[list[np.ndarray]]]:
    """-ln p of every held-out word under n-gram models of the training texts.

    They read what a model of words reads: the same vocabulary, unknown words as
    one word, ends of lines as words, and the end mark.

    Args:
        data: The recipe's `Data`.
        progress: Called as `progress(done, total)`, or None.

    Returns:
        Dict from the baseline to two lists of arrays, one a document: of the test
        documents and of the validation documents.
    """
    train, *held_out = (
        word_ids(data, part) for part in (data.train, data.test, data.validation)
    )
    size = len(data.words) - 2  # neither padding nor the start mark comes
    models = {
        "unigram": NgramModel(1, size),
        "Kneser-Ney trigram": KneserNeyModel(3, size),
    }
    found = {}
    for done, (name, model) in enumerate(models.items()):
        model.fit(train)
        found[name] = [[_nats(model, ids) for ids in part] for part in held_out]
        if progress is not None:
            progress(done + 1, len(models))
    return found


def _nats(model: NgramModel, ids: list[int]) -> np.ndarray:
    """-ln p of each word but the start mark, of which nothing is said."""
    chances = [
        model.probability(ids[i], ids[max(0, i - 2) : i]) for i in range(1, len(ids))
    ]
    return -np.log(chances)


def spelling_nats(data: Data, documents: Iterable[str]) -> list[np.ndarray]:
    """-ln p of the spelling of every unknown word; 0 of a known one.

    A word model calls a rare word unknown, which is cheap; a model of subwords must
    write it. With this added a word model writes it too: by a model of characters
    that has learnt from the rare words of the training texts.

    Args:
        data: The recipe's `Data`.
        documents: Texts.

    Returns:
        List of arrays, one a document, a number for each word and the end mark.
    """
    known = set(data.words.words)
    rare = [
        word
        for text in data.train
        for word in split_words(mark_lines(text))
        if word not in known
    ]
    # Two characters that no word has stand for its beginning and its end.
    model = NgramModel(LETTERS, CODE_POINTS).fit(f"\n{word}\t" for word in rare)
    found = []
    for text in documents:
        words = split_words(mark_lines(text))
        spelled = [
            0.0 if word in known else sum(model.nats(f"\n{word}\t")[1:])
            for word in words
        ]
        found.append(np.array([*spelled, 0.0]))
    return found


def reading_figures(
    data: Data,
    documents: list[str],
    nats: list[np.ndarray],
    spelling: list[np.ndarray] | None = None,
) -> dict[str, float]:
    """Perplexities of documents.

    Args:
        data: The recipe's `Data`.
        documents: Texts.
        nats: -ln p of every token of each, a list of arrays.
        spelling: What `spelling_nats` gave, for a model of words; None for one that
            spells by itself, whose tokens are pieces.

    Returns:
        Dict of "perplexity_spelled", of all words with the spelling of unknown ones,
        and, of a model of words, "perplexity", where unknown words count as one word,
        and "perplexity_without_line_ends".
    """
    words = data.count(documents)
    total = sum(float(values.sum()) for values in nats)
    if spelling is None:
        return {"perplexity_spelled": float(np.exp(total / words))}
    spelled = sum(float(values.sum()) for values in spelling)
    marks = [END, *(data.words.encode(mark)[0] for mark in LINE_MARKS)]
    marks = [mark for mark in marks if mark != UNKNOWN]
    inside = np.concatenate(
        [~np.isin(ids[1:], marks) for ids in word_ids(data, documents)]
    )
    return {
        "perplexity": float(np.exp(total / words)),
        "perplexity_without_line_ends": float(
            np.exp(np.concatenate(nats)[inside].mean())
        ),
        "perplexity_spelled": float(np.exp((total + spelled) / words)),
    }
