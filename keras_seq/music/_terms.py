"""Under what terms the corpora come, told from the statements shipped with them."""

_MUSIC21 = (
    "music21 ships these encodings with its encoders' permission and, to the "
    "best of its knowledge, what it ships is out of copyright in the United "
    "States or licensed for use. It claims no copyright in them and does not "
    "put them under its own licence. It warns that some encodings may not be "
    "used commercially or carry other restrictions, to be looked up in each "
    "file or folder, and that a work may not be free in every country "
    "(music21, corpus/license.txt)."
)
_NO_OWN_TERMS = (
    "The files themselves state no terms; they name their transcribers in Z: "
    "and N: fields."
)
TERMS = {
    "oneills": f"O'Neill's Music of Ireland (1903). {_MUSIC21} {_NO_OWN_TERMS}",
    "ryans": f"Ryan's Mammoth Collection (1883). {_MUSIC21} {_NO_OWN_TERMS}",
    "airds": f"Aird's Airs (late 18th century). {_MUSIC21} {_NO_OWN_TERMS}",
    "folk": (
        "O'Neill's Music of Ireland (1903), Ryan's Mammoth Collection (1883) and "
        f"Aird's Airs (late 18th century). {_MUSIC21} {_NO_OWN_TERMS}"
    ),
    "essen": (
        "Essen folk songs, for non-commercial use only. music21 calls the legal "
        "status of this database unclear, since many people entered its data; "
        "Ewa Dahlig-Turek, who leads it, has permitted non-commercial "
        "distribution and use in music21, and Seymour Shlien the distribution "
        "of his ABC encodings (music21, corpus/essenFolksong/license.txt). "
        f"{_MUSIC21}"
    ),
}
OWN_TERMS = (
    "keras-seq does not know the terms of {path}: see the files themselves and "
    "where they come from."
)
