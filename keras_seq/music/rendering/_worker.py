"""The process that engraves: scores in on stdin, pages out on stdout.

Verovio ends its process where a score offends it, so it gets one of its own.
One JSON value a line: first the seconds that a score may take, then scores in
MEI; each is answered with its pages in SVG, none where Verovio gives none.
"""

import faulthandler
import json
import os
import sys
import zlib

_OPTIONS = {
    "inputFrom": "mei",
    # Lines as in the text where they fill the page well, else as they fit.
    "breaks": "smart",
    "adjustPageHeight": True,
    "pageHeight": 60000,
    "pageWidth": 2100,
    "scale": 50,
    "header": "encoded",
    "footer": "none",
}


def main() -> None:
    """Answers every score, in order, until the input ends."""
    import verovio

    # What Verovio itself prints must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(_OPTIONS)
    scores = (json.loads(line) for line in sys.stdin.buffer)
    time_limit = next(scores)
    for score in scores:
        # Python code cannot interrupt Verovio; this thread of C ends it all.
        faulthandler.dump_traceback_later(time_limit, exit=True)
        # Identifiers are drawn at random otherwise. Pages of several tunes may
        # stand in one document, so each tune has its own.
        toolkit.resetXmlIdSeed(zlib.crc32(score.encode()) >> 1)
        count = toolkit.getPageCount() if toolkit.loadData(score) else 0
        pages = [toolkit.renderToSVG(number + 1) for number in range(count)]
        faulthandler.cancel_dump_traceback_later()
        answers.write(json.dumps([page for page in pages if page]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
