import bz2
import codecs
import gzip
import hashlib
import lzma
import re
import zipfile

import pytest

from keras_seq.music import _abc_files, load_corpus, normalise, parse, validate
from tests.music.data import irish_tunes, music21_corpus

GOOD = "X:{}\nT:{}\nM:4/4\nL:1/8\nK:G\nGABc dedB|"


def good(number=1, title="Tune"):
    return GOOD.format(number, title)


def load(folder, content, **options):
    path = folder / "tunes.abc"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_corpus(path, **options)


# Encodings.


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\r\r\n"])
def test_encodings_and_line_ends_give_the_same_tunes(tmp_path, encoding, newline):
    text = good(1, "Bó – Élan") + "\n\n" + good(2)
    content = text.replace("\n", newline).encode(encoding)
    if encoding == "utf-16-le":
        content = codecs.BOM_UTF16_LE + content
    if encoding == "utf-16-be":
        content = codecs.BOM_UTF16_BE + content
    corpus = load(tmp_path, content)
    assert corpus.texts == (good(1, "Bó – Élan"), good(2))
    assert not corpus.rejected


def test_latin_1_where_windows_has_no_character(tmp_path):
    corpus = load(tmp_path, good(1, "Bó\x81").encode("latin-1"))
    assert corpus.tunes[0].title == "Bó\x81"


def test_declared_character_set_is_used(tmp_path):
    text = "%abc-2.1\n%%abc-charset iso-8859-2\n\n" + good(1, "Dvořák")
    assert load(tmp_path, text.encode("iso-8859-2")).tunes[0].title == "Dvořák"


def test_marks_of_joined_files_are_dropped(tmp_path):
    corpus = load(tmp_path, f"\ufeff{good(1)}\n\n\ufeff{good(2)}\n\x1a")
    assert corpus.texts == (good(1), good(2))


# Splitting.


def test_tunes_end_at_empty_lines_and_at_the_next_reference(tmp_path):
    text = f"{good(1)}\n{good(2, 'Second')}\n \t\n\n{good(30)}\n"
    corpus = load(tmp_path, text)
    assert [(t.reference, t.line, t.title) for t in corpus.tunes] == [
        (1, 1, "Tune"),
        (2, 7, "Second"),
        (30, 15, "Tune"),
    ]
    assert {tune.source for tune in corpus.tunes} == {"tunes.abc"}


def test_file_header_gives_defaults(tmp_path):
    header = "% a book\nM:6/8\nL:1/16\nR:jig\nU:W = !trill!\n\n"
    text = f"{header}X:1\nT:One\nK:D\nWABc def|\n\n{good(2)}"
    one, two = load(tmp_path, text).texts
    assert str(parse(one).meter) == "6/8"
    assert parse(one).unit_length == parse("X:1\nL:1/16\nK:C\nC").unit_length
    # A tune's own fields stand.
    assert str(parse(two).meter) == "4/4"
    assert "R:jig" in two
    assert two.count("M:") == 1


def test_empty_line_between_header_and_music_ends_no_tune(tmp_path):
    corpus = load(tmp_path, "X:1\nT:Gap\nK:C\n\nCDE|\n\n" + good(2))
    assert [len(parse(text).notes) for text in corpus.texts] == [3, 8]
    assert not corpus.rejected


# What is left out.


def test_what_cannot_be_used_is_named_in_order(tmp_path):
    text = "\n\n".join(
        [
            good(1),
            "X:2\nT:Open chord\nK:C\n[CE|",
            "% a comment is no tune",
            "T:No reference\nK:C\nCDE|",
            "X:3\nT:No key\nCDE|",
            "X:4\nT:Silence\nK:C\nz4|",
        ]
    )
    corpus = load(tmp_path, text)
    assert len(corpus.tunes) == 1
    assert [(r.line, r.title) for r in corpus.rejected] == [
        (8, "Open chord"),
        (15, "No reference"),
        (19, "No key"),
        (23, "Silence"),
    ]
    first = next(p for p in validate("X:2\nT:Open chord\nK:C\n[CE|").problems)
    assert corpus.rejected[1].code == "outside-a-tune"
    assert corpus.rejected[3].code == "no-music"
    assert first.severity == "warning" or corpus.rejected[0].code == first.code
    assert "(line 4, column 1)" in corpus.rejected[0].reason
    summary = corpus.summary()
    assert "1 of 5 tunes are usable" in summary
    for rejected in corpus.rejected:
        assert rejected.code in summary
        assert rejected.title in summary


def test_warnings_keep_a_tune(tmp_path):
    short = "X:1\nT:Short bar\nM:4/4\nL:1/8\nK:C\nCDEF GABc|CDE|CDEF GABc|]"
    assert validate(short).problems
    assert load(tmp_path, short).texts == (short,)


def test_folder_is_read_at_any_depth_in_order(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "b.ABC").write_text(good(2))
    (tmp_path / "c.abc").write_text(good(3))
    (tmp_path / "a.txt").write_text(good(1))
    (tmp_path / "noise.abc").write_bytes(b"MThd\x00\x00\x00\x06")
    (tmp_path / "void.abc").write_bytes(b"")
    corpus = load_corpus(tmp_path)
    assert [(t.source, t.reference) for t in corpus.tunes] == [
        ("c.abc", 3),
        ("deep/er/b.ABC", 2),
    ]
    assert [(r.source, r.code) for r in corpus.rejected] == [
        ("noise.abc", "unreadable-file"),
        ("void.abc", "unreadable-file"),
    ]


def test_folder_with_packed_files_archives_and_links(tmp_path):
    folder, elsewhere = tmp_path / "tunes", tmp_path / "elsewhere"
    (elsewhere / "in").mkdir(parents=True)
    folder.mkdir()
    (folder / "a.abc.gz").write_bytes(gzip.compress(good(1).encode()))
    (folder / "b.ABC.XZ").write_bytes(lzma.compress(good(2).encode()))
    with zipfile.ZipFile(folder / "c.zip", "w") as archive:
        archive.writestr("deep/x.abc", good(3))
        archive.writestr("__MACOSX/deep/._x.abc", b"\0\5")
        archive.writestr("readme.txt", good(9))
    (elsewhere / "in" / "y.abc").write_text(good(4))
    (folder / "d").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "back").symlink_to(folder, target_is_directory=True)
    (folder / "e.zip").write_bytes(b"PK no")
    corpus = load_corpus(folder)
    assert [(t.source, t.reference) for t in corpus.tunes] == [
        ("a.abc.gz", 1),
        ("b.ABC.XZ", 2),
        ("c.zip/deep/x.abc", 3),
        ("d/in/y.abc", 4),
    ]
    assert [r.source for r in corpus.rejected] == ["e.zip"]
    assert load_corpus(folder / "c.zip").tunes[0].reference == 3
    with zipfile.ZipFile(folder / "f.zip", "w") as archive:
        archive.writestr("readme.txt", good(9))
    with pytest.raises(ValueError, match=r"f\.zip' must hold .*'readme.txt'"):
        load_corpus(folder / "f.zip")


def test_the_folder_here_has_a_name(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.abc").write_text(good(1))
    monkeypatch.chdir(tmp_path / "here")
    assert load_corpus(".").summary().startswith("here: 1 of 1 tunes")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a tune that starts with X:, came an empty file"),
        (b"\n \r\n", "expected a tune that starts with X:, came an empty file"),
        (b"Dear diary,\n\ntoday", "expected a tune that starts with X:, came"),
        (b"\x89PNG\r\n\x1a\n\x00", "expected text, came byte 0x00 at 8"),
        (b"\xff\xfeX", "expected utf-16, as its byte order mark says"),
        (b"T:No X\nK:C\nCDE|", "no usable tune: 1 were rejected, the first at"),
    ],
)
def test_file_without_tunes_is_refused_in_one_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        load(tmp_path, content)
    assert "tunes.abc" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_read_by_what_they_are(tmp_path, pack, monkeypatch):
    text = f"{good(1)}\n\n{good(2)}"
    assert load(tmp_path, pack(text.encode())).texts == load(tmp_path, text).texts
    if pack is not bz2.compress:
        with pytest.raises(ValueError, match=r"tunes\.abc': expected a whole packed"):
            load(tmp_path, pack(text.encode() * 50)[:-20])
    monkeypatch.setattr(_abc_files, "SMALL_UNPACKED", 2**21)
    monkeypatch.setattr(_abc_files, "TIMES_UNPACKED", 20)
    with pytest.raises(ValueError, match="2,097,152 unpacked bytes at most"):
        load(tmp_path, pack(bytes(2**24)))


def test_what_is_no_text_is_called_by_name(tmp_path):
    with pytest.raises(ValueError, match="came byte 0x00 at 4: it is MIDI"):
        load(tmp_path, b"MThd\0\0\0\6\0\1")


def test_missing_source_names_what_there_is():
    with pytest.raises(FileNotFoundError, match=r"'oneills'.*'nowhere' is neither"):
        load_corpus("nowhere")


def test_folder_without_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must be a folder with \*.abc files"):
        load_corpus(tmp_path)


# What a corpus tells.


def test_digest_is_that_of_the_texts(tmp_path):
    corpus = load(tmp_path, good(1) + "\n\n" + good(2))
    expected = hashlib.sha256(f"{good(1)}\0{good(2)}".encode()).hexdigest()
    assert corpus.digest == expected


def test_progress_counts_to_the_end(tmp_path):
    calls = []
    load(tmp_path, good(1) + "\n\nX:2\nnothing\n", progress=lambda *a: calls.append(a))
    assert calls == [(1, 2), (2, 2)]


def test_terms_of_own_files_are_unknown(tmp_path):
    assert "does not know the terms" in load(tmp_path, good()).terms


# Normalising.


def test_normalise_keeps_header_and_music_only():
    text = (
        "%abc-2.1\nX: 7\nT: The Hag  \nT:An Chailleach\nC:me\nZ:me too\nM: 6/8\n"
        "%%scale 0.7\nL:1/8 % eighths\nR: jig\nN:\nN:slow\nI:linebreak $\nK: G\n"
        "G2A``B2A|[N:fiddle]GAB \\% % no\nw:la la\nd>e`f g3:|[K:D] ! \n"
    )
    assert normalise(text) == (
        "X:7\nT:The Hag\nT:An Chailleach\nM:6/8\nL:1/8\nR:jig\nI:linebreak $\nK:G\n"
        "G2AB2A|GAB \\%\nd>ef g3:|[K:D]"
    )


def test_normalise_keeps_continued_lines_and_marks():
    text = 'X:1\nU:W=!trill!\nK:C\nAB\\ % on\nc"^ ! "WD!trill!E !'
    assert normalise(text) == 'X:1\nU:W=!trill!\nK:C\nAB\\\nc"^ ! "WD!trill!E'


def test_normalise_ends_with_the_tune():
    assert normalise(f"\n{good(1)}\n\nfree text\n") == good(1)


def sounding(text):
    return [(n.pitches, n.length, n.bar, n.tie, n.grace) for n in parse(text).notes]


def real_tunes():
    files = [
        "oneills1850/0550-0625.abc",
        "airdsAirs/book3.abc",
        "essenFolksong/irl.abc",
    ]
    tunes = irish_tunes()[::8]
    for file in files:
        tunes += load_corpus(music21_corpus() / file).texts[::4]
    return [tune for tune in tunes if validate(tune).valid]


def test_normalise_leaves_the_notes_of_real_tunes():
    tunes = real_tunes()
    assert len(tunes) > 150
    for tune in tunes:
        short = normalise(tune)
        assert normalise(short) == short
        assert sounding(short) == sounding(tune)
        assert not re.search(r"^(?:[ZNSB]:|%)", short, re.MULTILINE)


def test_loading_can_normalise(tmp_path):
    (text,) = load(
        tmp_path, good().replace("M:4/4", "Z:me\nM: 4/4"), normalised=True
    ).texts
    assert text == good()


# The corpora that music21 brings.


def test_named_corpora_are_those_of_music21():
    corpus = load_corpus("ryans")
    files = list((music21_corpus() / "ryansMammoth").glob("*.abc"))
    assert len(corpus.tunes) + len(corpus.rejected) == len(files)
    assert len(corpus.tunes) > 900
    assert corpus.tunes[0].source.startswith("ryansMammoth/")
    assert all(validate(tune.text).valid for tune in corpus.tunes[::40])
    assert "may not be used commercially" in corpus.terms.replace("\n", " ")
