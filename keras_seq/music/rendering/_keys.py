"""Key signatures as elements of MEI."""

from xml.etree.ElementTree import Element, SubElement

from keras_seq.music.abc import Key, key_signature

# From seven flats to seven sharps.
MAJOR_KEYS = (
    *("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C"),
    *("G", "D", "A", "E", "B", "F#", "C#"),
)
_ALTERED = {1: "s", 2: "x", -1: "f", -2: "ff"}
_MAJOR = {key.sharps: key.alterations for key in map(key_signature, MAJOR_KEYS)}


def sign(parent: Element, key: Key) -> None:
    """Adds a key signature, accidental by accidental if it is no usual one."""
    signature = SubElement(parent, "keySig")
    # What bagpipes play is not what their music prints.
    if key.mode == "bagpipe" or key.alterations == _MAJOR[key.sharps]:
        kind = "s" if key.sharps > 0 else "f"
        signature.set("sig", f"{abs(key.sharps)}{kind}" if key.sharps else "0")
        return
    for letter, by in zip("cdefgab", key.alterations, strict=True):
        if by:
            SubElement(signature, "keyAccid", pname=letter, accid=_ALTERED[by])
