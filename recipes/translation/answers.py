"""What the translation recipe's verb answers: one sentence, or a file of them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_seq.diagnostics import plot_attention
from keras_seq.files import replacing
from keras_seq.runs import answer_lines, check_one_given, print_or_write
from keras_seq.text import Translation, Translator, read_lines

AT_ONCE = 256  # sentences, of which those of like length are translated together


def lines_asked(
    sentence: str | None,
    file: str | None,
    encoding: str | None,
    n_best: int | None,
    json: bool,
) -> Iterable[str]:
    """What is to be translated: the sentence, or the lines of the file.

    Raises:
        ValueError: If there are both, or neither; or more than one translation is
            wanted where there is one line for it.
        OSError: If the file can't be read.
    """
    check_one_given("a sentence", "file", sentence is not None, file is not None)
    if sentence is not None:
        return [sentence]
    if n_best not in (None, 1) and not json:
        raise ValueError(
            f"`n_best` of a file must be 1, or `json` be asked for; received {n_best}."
        )
    return read_lines(file or "", encoding)


def translate_lines(
    translator: Translator,
    lines: Iterable[str],
    search: Mapping[str, Any],
    *,
    json: bool,
    name: str,
    out: str | None,
) -> None:
    """Translates lines, and prints or writes a translation, or a JSON object, each.

    Args:
        translator: The translator.
        lines: Strings.
        search: Keyword arguments of `Translator.translate`.
        json: Whether JSON Lines are wanted.
        name: Name of the file, for messages.
        out: File for the answers, or None.
    """
    translator.translate([], **search)  # refuses what no sentence could have

    def answer(texts: list[str]) -> list[dict[str, Any]]:
        return [_record(found) for found in translator.translate(texts, **search)]

    answer_lines(
        lines,
        answer,
        shown=None if json else lambda record: record["translation"],
        name=name,
        out=out,
        label="translating",
        at_once=AT_ONCE,
    )


def _record(found: Sequence[Translation]) -> dict[str, Any]:
    best, *others = (
        {"translation": one.text, "score": one.score, "finished": one.finished}
        for one in found
        if one is found[0] or one.score > float("-inf")  # there is one
    )
    return best | ({"others": others} if len(found) > 1 else {})


def show(found: Sequence[Translation], path: Path) -> None:
    """Prints translations with their scores, and draws where the best looked."""
    best = found[0]
    for translation in found:
        if translation is best or translation.score > float("-inf"):  # there is one
            unfinished = "" if translation.finished else "  (cut off)"
            text = " ".join(translation.text.splitlines())
            print_or_write(f"{translation.score:8.3f}  {text}{unfinished}", None)
    if best.text:
        figure = plot_attention(best.alignment, best.source, best.target)
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
        print(f"the alignment is in {path}")
