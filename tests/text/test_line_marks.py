import pytest
import tensorflow as tf

from keras_seq.text import (
    SubwordVocabulary,
    WordVocabulary,
    mark_lines,
    mark_lines_tensor,
    restore_lines,
    restore_lines_tensor,
)

# Each with what it becomes, worked out by hand.
TEXTS = {
    "": "",
    "one line": "one line",
    "a\nb": "a ↵ b",
    "a\r\nb": "a ↵ b",
    "a\rb": "a ↵ b",
    "a \t\n  b": "a ↵ b",
    "a\n\nb": "a ¶ b",
    "a\n \t\n\n\nb": "a ¶ b",
    "a\r\n\r\nb": "a ¶ b",
    "a\n": "a ↵ ",
    "\n\na": " ¶ a",
    "a\t b  c": "a b c",
    "é\n😀": "é ↵ 😀",
}


@pytest.mark.parametrize("text", TEXTS)
def test_ends_of_lines_become_words(text):
    assert mark_lines(text) == TEXTS[text]


def test_the_graph_does_the_same():
    found = mark_lines_tensor(tf.constant(list(TEXTS))).numpy()
    assert [text.decode() for text in found] == list(TEXTS.values())
    restored = restore_lines_tensor(tf.constant(list(TEXTS.values()))).numpy()
    assert [text.decode() for text in restored] == [
        restore_lines(text) for text in TEXTS.values()
    ]


def test_lines_come_back():
    text = "First Citizen:\nSpeak, speak.\n\nAll:\nResolved."
    assert restore_lines(mark_lines(text)) == text


def test_vocabularies_take_them_for_words():
    marked = mark_lines("ab,\ncd\n\nab cd")
    words = WordVocabulary.fit([marked])
    ids = words.encode(marked)
    assert words.pieces(ids) == ["ab", ",", "↵", "cd", "¶", "ab", "cd"]
    assert restore_lines(words.decode(ids)) == "ab,\ncd\n\nab cd"
    subwords = SubwordVocabulary.fit([marked] * 20, size=300)
    assert restore_lines(subwords.decode(subwords.encode(marked))) == "ab,\ncd\n\nab cd"
