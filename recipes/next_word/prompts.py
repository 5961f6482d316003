"""What the next-word recipe is asked, and what it answers, in lines of text."""

import re
from pathlib import Path

from keras_seq.text import (
    NextWords,
    TextPredictor,
    WordVocabulary,
    decoded_lines,
    mark_lines,
    split_words,
)

UNKNOWN_SHOWN = 20  # words of a prompt
NO_SPACE_BEFORE = ".,;:!?)]}\n"
SHOWN_LINE_ENDS = {"↵": "↵ (end of line)", "¶": "¶ (empty line)"}


def read_prompt(text: str, file: str | None) -> str:
    """The text that `predict` was given, or that of the file.

    Args:
        text: String; of bytes that aren't UTF-8 the shell makes surrogates, and this
            function U+FFFD.
        file: File in UTF-8, or None; the end of its last line doesn't count.
    """
    if file is not None:
        if text:
            raise ValueError("either a text or `file` must be given, and not both.")
        text = "\n".join(decoded_lines(file, Path(file).read_bytes()))
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def unknown_words(predictor: TextPredictor, text: str) -> list[str]:
    """A line on the words of a prompt that the model doesn't know, or none."""
    vocabulary = predictor.vocabulary
    if not isinstance(vocabulary, WordVocabulary):  # subwords spell all words
        return []
    known = set(vocabulary.words)
    unknown = dict.fromkeys(w for w in split_words(mark_lines(text)) if w not in known)
    shown = ", ".join(list(unknown)[:UNKNOWN_SHOWN])
    if len(unknown) > UNKNOWN_SHOWN:
        shown += f", and {len(unknown) - UNKNOWN_SHOWN:,} others"
    return [f"not in the vocabulary: {shown}"] if unknown else []


def continued(text: str, more: str) -> str:
    """A text and what a model wrote behind it.

    Args:
        text: String.
        more: What comes behind it, without white space before it.
    """
    apart = text and more and not text[-1].isspace() and more[0] not in NO_SPACE_BEFORE
    return f"{text} {more}" if apart else text + more


def next_words_table(found: NextWords) -> list[str]:
    """Lines with the next words and their probabilities.

    Args:
        found: `NextWords`.
    """
    rows = [
        (chance, SHOWN_LINE_ENDS.get(word, word))
        for word, chance in zip(found.words, found.probabilities, strict=True)
    ]
    if found.unknown:  # subwords leave none
        rows.append((found.unknown, "(a word that it doesn't know)"))
    rows.append((found.end, "(the end)"))
    return [f"{chance:8.4f}  {word}" for chance, word in rows]
