"""A tune as a notebook shows it."""

import base64
import html

from keras_seq.extras import notebook_card
from keras_seq.music.abc import AbcError
from keras_seq.music.rendering import EngravingError, render_svg

_LONGEST = 4000  # characters of a tune
_LARGEST = 1_000_000  # of its page


def shown_as_music(tune: str, title: str) -> str:
    """A tune's page, where it can be engraved, and its text.

    Args:
        tune: ABC text, of anybody: as a picture its page can run nothing.
        title: What stands above it.

    Returns:
        HTML.
    """
    text = tune if len(tune) <= _LONGEST else tune[:_LONGEST] + "…"
    abc = f"<pre>{html.escape(text)}</pre>"
    try:
        page = render_svg(tune) if len(tune) <= _LONGEST else ""
    except (AbcError, EngravingError, ImportError, OSError) as error:
        return notebook_card(title, [("not engraved", error)], abc)
    if not page or len(page) > _LARGEST:
        return notebook_card(title, [("not engraved", "it is too long")], abc)
    data = base64.b64encode(page.encode()).decode()
    picture = (
        f'<img alt="Sheet music: {html.escape(title)}" style="background:#fff;'
        f'max-width:100%" src="data:image/svg+xml;base64,{data}">'
    )
    return notebook_card(
        title, [], f"{picture}<details><summary>ABC</summary>{abc}</details>"
    )
