"""What the next-word recipe is asked, and what it answers, in lines of text."""

import dataclasses
import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from keras_seq.runs import answer_lines, check_one_given, quoted_text
from keras_seq.text import (
    NextWords,
    TextPredictor,
    WordVocabulary,
    decoded_lines,
    mark_lines,
    read_lines,
    split_words,
)

MOST_BYTES = 2**24  # of a file with a prompt
UNKNOWN_SHOWN = 20  # words of a prompt
LONGEST_COMPARED = 40  # characters of such a word
NEAR = 0.75  # of spellings: 1 where they are the same
NO_SPACE_BEFORE = ".,;:!?)]}\n"
SHOWN_LINE_ENDS = {"↵": "↵ (end of line)", "¶": "¶ (empty line)"}


def texts_asked(
    text: tuple[str, ...], file: str | None, lines: str | None, encoding: str | None
) -> Iterable[str]:
    """The texts that `predict` was given: one, of a file all, or each of its lines.

    Args:
        text: Arguments: the text.
        file: File with a text, or None.
        lines: File with a text in each line, or None.
        encoding: Of the file.

    Raises:
        ValueError: If more than one of them is given, or the text isn't quoted.
        OSError: If the file can't be read.
    """
    if bool(text) + (file is not None) + (lines is not None) > 1:
        raise ValueError(
            "either a text or `file` or `lines` must be given, not two of them."
        )
    if lines is not None:
        return read_lines(lines, encoding)
    return [read_prompt(quoted_text(text) or "", file, encoding)]


def read_prompt(text: str, file: str | None, encoding: str | None = None) -> str:
    """The text that `predict` was given, or that of the file.

    Args:
        text: String; of bytes that aren't UTF-8 the shell makes surrogates, and this
            function U+FFFD.
        file: File with a text, "-" for standard input, or None; the end of its last
            line doesn't count.
        encoding: Of the file; None for UTF-8.

    Raises:
        ValueError: If the file has more than 16 MiB, or isn't of the encoding.
        OSError: If it can't be read.
    """
    if file is not None:
        check_one_given("a text", "file", bool(text), True)
        name = "standard input" if file == "-" else file
        content = _bounded(file, name)
        text = "\n".join(decoded_lines(name, content, encoding))
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _bounded(file: str, name: str) -> bytes:
    """All of a file that may be a pipe or a device, which have no end of their own."""
    if file == "-":
        content = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        with open(file, "rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"{name}: expected {MOST_BYTES:,} bytes at most of a prompt; it has more."
        )
    return content


@dataclasses.dataclass(frozen=True)
class Prompt:
    """What is asked of a predictor: next words, and how to go on.

    Attributes:
        predictor: `TextPredictor`.
        count: Words to show.
        complete: Words to go on with.
        drawn: "temperature", "top_p" and "seed" of the continuation.
    """

    predictor: TextPredictor
    count: int
    complete: int
    drawn: Mapping[str, Any]

    def answer(self, text: str) -> list[str]:
        """Lines with the next words of a text, and its continuation."""
        lines = unknown_words(self.predictor, text)
        [found] = self.predictor.predict([text], count=self.count)
        lines += next_words_table(found)
        if self.complete:
            lines += ["", continued(text, self._more([text])[0])]
        return lines

    def answer_lines(
        self, lines: Iterable[str], *, json: bool, name: str, out: str | None
    ) -> None:
        """Answers lines, and prints or writes a line, or a JSON object, each.

        Args:
            lines: Strings.
            json: Whether JSON Lines are wanted.
            name: Name of the file, for messages.
            out: File for the answers, or None.
        """
        self._records([""])  # refuses settings that are out of range
        answer_lines(
            lines,
            self._records,
            shown=None if json else _shown,
            name=name,
            out=out,
            label="predicting",
        )

    def _records(self, texts: list[str]) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = [
            {
                "words": dict(zip(found.words, found.probabilities, strict=True)),
                "unknown": found.unknown,
                "end": found.end,
            }
            for found in self.predictor.predict(texts, count=self.count)
        ]
        if self.complete:
            for record, text, more in zip(
                records, texts, self._more(texts), strict=True
            ):
                record["continued"] = continued(text, more)
        return records

    def _more(self, texts: list[str]) -> list[str]:
        return self.predictor.continue_texts(texts, words=self.complete, **self.drawn)


def _shown(record: Mapping[str, Any]) -> str:
    """An answer in one line: the text as it goes on, or the next words."""
    return record.get("continued") or "\t".join(record["words"])


def unknown_words(predictor: TextPredictor, text: str) -> list[str]:
    """A line on the words of a prompt that the model doesn't know, or none."""
    vocabulary = predictor.vocabulary
    if not isinstance(vocabulary, WordVocabulary):  # subwords spell all words
        return []
    known = set(vocabulary.words)
    unknown = dict.fromkeys(w for w in split_words(mark_lines(text)) if w not in known)
    small = {word.lower(): word for word in reversed(vocabulary.words)}
    shown = ", ".join(_with_near(word, small) for word in list(unknown)[:UNKNOWN_SHOWN])
    if len(unknown) > UNKNOWN_SHOWN:
        shown += f", and {len(unknown) - UNKNOWN_SHOWN:,} others"
    return [f"not in the vocabulary: {shown}"] if unknown else []


def _with_near(word: str, known: Mapping[str, str]) -> str:
    """A word and those that are spelt nearly as it is.

    Args:
        word: String.
        known: Dict from known words, in lower case, to these as they are written.
    """
    if len(word) > LONGEST_COMPARED:
        return f"{word[:LONGEST_COMPARED]}…"
    near = difflib.get_close_matches(word.lower(), known, n=2, cutoff=NEAR)
    alike = " or ".join(known[other] for other in near)
    return f"{word} (known: {alike})" if alike else word


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
