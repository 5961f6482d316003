"""What the translation recipe measures."""

import functools
import importlib.util
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.text import (
    END,
    Translation,
    Translator,
    count_words,
    is_mostly_unspaced,
)
from recipes.translation.data import Pair

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
KANA = re.compile("[\u3040-\u30ff]")
LENGTHS = (5, 10, 20, 40)  # words, or characters where no spaces are written


class TranslationScore(keras.callbacks.Callback):
    """Translates validation sentences greedily after every epoch.

    It logs "val_bleu", and "val_exact", the share that is right to the letter.

    Args:
        translator: The `Translator`.
        pairs: Pairs of sentences.
    """

    def __init__(self, translator: Translator, pairs: Sequence[Pair]) -> None:
        super().__init__()
        self.translator, self.pairs = translator, pairs

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        sources, references = zip(*self.pairs, strict=True)
        found = self.translator.translate(sources, width=1, batch_size=128)
        figures = figures_of([best.text for (best,) in found], references)
        logs["val_bleu"], logs["val_exact"] = figures["bleu"], figures["exact"]


def spread(pairs: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the pairs, from all over the list: it may be sorted."""
    places = np.linspace(0, len(pairs) - 1, min(count, len(pairs)))
    return [pairs[int(place)] for place in places]


def figures_of(
    translations: Sequence[str],
    references: Sequence[str],
    tokenizer: str | None = None,
) -> dict[str, Any]:
    """BLEU and chrF with their signatures, and the share that is exactly right.

    BLEU counts words, in Chinese and in scripts without spaces characters.

    Args:
        translations: Strings.
        references: Strings, as many.
        tokenizer: sacreBLEU's name of how words are told apart; None for what suits
            the references.

    Returns:
        Dict of "bleu", "chrf", "exact" and "signatures".
    """
    metrics = require("sacrebleu.metrics", "recipes")
    bleu = metrics.BLEU(tokenize=tokenizer or _tokenizer(references))
    chrf = metrics.CHRF()
    right = [a == b for a, b in zip(translations, references, strict=True)]
    return {
        "bleu": bleu.corpus_score(translations, [references]).score,
        "chrf": chrf.corpus_score(translations, [references]).score,
        "exact": float(np.mean(right)),
        "signatures": {
            "bleu": str(bleu.get_signature()),
            "chrf": str(chrf.get_signature()),
        },
    }


def _tokenizer(texts: Sequence[str]) -> str:
    """The name of sacreBLEU's tokenizer for what most of the text is written in.

    What most of the words are, each letter of a script without spaces being one: so
    digits, names and brands in Latin letters don't make of Chinese something else.
    """
    if not is_mostly_unspaced(text := " ".join(texts)):
        return "13a"
    han, kana = len(HAN.findall(text)), len(KANA.findall(text))
    if 10 * kana > han and (han or kana):
        return "ja-mecab" if _has_mecab() else "char"
    return "zh" if 2 * han > count_words(text) else "char"


@functools.cache
def _has_mecab() -> bool:
    """Whether sacreBLEU can part Japanese words."""
    return all(importlib.util.find_spec(name) for name in ("MeCab", "ipadic"))


def nearest_translations(train: Sequence[Pair], sources: Sequence[str]) -> list[str]:
    """A translation memory: what stands beside the most similar training sentence.

    Similar is what shares rare groups of 2 to 4 characters (TF-IDF, cosine).

    Args:
        train: Pairs of sentences.
        sources: Strings.

    Returns:
        List of strings.
    """
    text = require("sklearn.feature_extraction.text", "recipes")
    vectorizer = text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))
    known = vectorizer.fit_transform([source for source, _ in train])
    nearest = []
    for start in range(0, len(sources), 256):
        asked = vectorizer.transform(sources[start : start + 256])
        nearest += np.asarray((asked @ known.T).argmax(axis=1)).ravel().tolist()
    return [train[i][1] for i in nearest]


def by_length(
    sources: Sequence[str], translations: Sequence[str], references: Sequence[str]
) -> list[dict[str, Any]]:
    """BLEU, and the share exactly right, by the words of the source.

    In Chinese and in scripts without spaces by its characters. BLEU counts what it
    counts in all translations together.

    Returns:
        List of dicts "words" or "characters" (a range), "pairs", "bleu", "exact".
    """
    spaced = _tokenizer(sources) == "13a"
    unit = "words" if spaced else "characters"
    sizes = np.array(
        [count_words(s) if spaced else len("".join(s.split())) for s in sources], int
    )
    tokenizer = _tokenizer(references)
    rows = []
    lower = 0
    for upper in (*LENGTHS, sizes.max(initial=0)):
        chosen = np.flatnonzero((sizes > lower) & (sizes <= upper)).tolist()
        if chosen:
            figures = figures_of(
                [translations[i] for i in chosen],
                [references[i] for i in chosen],
                tokenizer,
            )
            rows.append(
                {
                    unit: f"{lower + 1}-{upper}",
                    "pairs": len(chosen),
                    "bleu": figures["bleu"],
                    "exact": figures["exact"],
                }
            )
        lower = max(lower, upper)
    return rows


def by_style(
    styles: Sequence[str], translations: Sequence[str], references: Sequence[str]
) -> list[dict[str, Any]]:
    """The share exactly right, by the style of the source.

    Returns:
        List of dicts "style", "dates", "exact", the worst first.
    """
    right: dict[str, list[bool]] = {}
    for style, *pair in zip(styles, translations, references, strict=True):
        right.setdefault(style, []).append(pair[0] == pair[1])
    rows = [
        {"style": style, "dates": len(hits), "exact": float(np.mean(hits))}
        for style, hits in right.items()
    ]
    return sorted(rows, key=lambda row: row["exact"])


def token_accuracy(
    translator: Translator,
    pairs: Sequence[Pair],
    greedy: Sequence[Sequence[Translation]],
) -> tuple[float, float]:
    """How often the right token stands at its place.

    Args:
        translator: The `Translator`.
        pairs: Pairs of sentences.
        greedy: Greedy translations of them, as `Translator.translate` gives.

    Returns:
        The share where the model reads the reference, and where it reads what it
        wrote itself.
    """
    model, hits, free, tokens = translator.model, 0, 0, 0
    for start in range(0, len(pairs), 64):
        sources, references = zip(*pairs[start : start + 64], strict=True)
        read, right, counts = translator.teacher_forced(sources, references)
        likeliest = keras.ops.convert_to_numpy(model(read)).argmax(-1)
        hits += int(((likeliest == right) & counts).sum())
        tokens += int(counts.sum())
        for row, (best,) in enumerate(greedy[start : start + 64]):
            wanted = right[row][counts[row]]
            end = [END] if best.finished else []
            written = np.array([*translator.target.encode(best.text), *end], int)
            written = written[: len(wanted)]
            free += int((written == wanted[: len(written)]).sum())
    return hits / tokens, free / tokens


def sentence_scores(
    translations: Sequence[str], references: Sequence[str]
) -> np.ndarray:
    """ChrF of each sentence."""
    chrf = require("sacrebleu.metrics", "recipes").CHRF()
    return np.array(
        [
            chrf.sentence_score(translation, [reference]).score
            for translation, reference in zip(translations, references, strict=True)
        ]
    )
