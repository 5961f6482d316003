"""Builds the site, and a notebook of every guide, from the same Markdown.

    pip install -e '.[docs]'
    python docs/build.py                         runs every notebook: some minutes
    python docs/build.py --without-running       the pages alone
    python docs/build.py attention gradients_through_time     these guides run

Leaves build/site and build/site/docs/GUIDE.ipynb. The pages show what the notebooks
printed and drew; they ask no other machine for anything, and can be opened as files,
but for their search, which needs `python -m http.server -d build/site`. Ends with 1 if
a notebook fails or takes more than three minutes, or a page links to nothing.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
from pathlib import Path

WEBSITE = Path(__file__).resolve().parent / "website"
sys.path[:0] = [str(WEBSITE), str(WEBSITE.parents[1])]

import notebooks  # noqa: E402
import pages  # noqa: E402

from keras_seq.extras import quiet_import  # noqa: E402

OPEN = (
    '!!! tip ""\n    [This page as a notebook]({name}.ipynb), for Jupyter or Colab: '
    "its first cell installs what it needs.{took}\n\n"
)


def make_guides(folder, running, renew):
    """Writes each guide as a page and a notebook; the seconds that each took."""
    names = pages.guides()
    home = folder / pages.GUIDES
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(pages.ROOT), os.environ.get("PYTHONPATH")])
        ),
    }
    seconds = {}
    for name in names:
        text = (home / f"{name}.md").read_text("utf-8")
        made = notebooks.notebook(text, name, names)
        if name in running and notebooks.shown(made):
            print(f"{name:<24}", end="", flush=True)
            made, seconds[name] = notebooks.run(made, environment)
            print(f"{seconds[name]:5.0f} s", flush=True)
            text, drawn = notebooks.page(text, notebooks.shown(made), home, name)
            for file, picture in drawn.items() if renew else ():
                (pages.ROOT / pages.GUIDES / file).write_bytes(picture)
        if notebooks.shown(made):
            took = seconds.get(name)
            told = f" It takes {took:.0f} s on two cores." if took else ""
            title, _, rest = text.partition("\n\n")
            text = f"{title}\n\n{OPEN.format(name=name, took=told)}{rest}"
            written = json.dumps(made, ensure_ascii=False, indent=1)
            (home / f"{name}.ipynb").write_text(written + "\n", "utf-8")
        (home / f"{name}.md").write_text(text, "utf-8")
    return seconds


def build(site, running, renew=False):
    """Builds the site into a folder; the seconds of each notebook that ran."""
    from mkdocs.commands.build import build as build_pages
    from mkdocs.config import load_config

    quiet_import("tensorflow", "tensorflow_text")
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "pages")
        folder.mkdir()
        pages.lay_out(folder)
        seconds = make_guides(folder, running, renew)
        pages.finish(folder)
        config = load_config(
            str(WEBSITE / "mkdocs.yml"),
            docs_dir=str(folder),
            site_dir=str(site),
            strict=True,
        )
        config.plugins.on_startup(command="build", dirty=False)
        build_pages(config)
    if asked := list(pages.asks_outside(site)):
        sys.exit("asked for from elsewhere:\n" + "\n".join(asked))
    return seconds


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = pages.guides()
    parser.add_argument("guides", nargs="*", help="whose notebooks run; default: all")
    parser.add_argument("--without-running", action="store_true")
    renewing = "renews the pictures in docs/pictures, to be committed"
    parser.add_argument("--pictures", action="store_true", help=renewing)
    parser.add_argument("--out", type=Path, default=pages.ROOT / "build" / "site")
    given = parser.parse_args()
    if unknown := set(given.guides) - set(names):
        parser.error(f"{sorted(unknown)} are none of {', '.join(names)}")
    running = () if given.without_running else given.guides or names
    if any(given.out.glob("*")) and not (given.out / "sitemap.xml").exists():
        parser.error(f"--out {str(given.out)!r} holds something that is no site")
    seconds = build(given.out.resolve(), running, given.pictures)
    slow = [name for name, took in seconds.items() if took > notebooks.LIMIT]
    if slow:
        sys.exit(f"{slow} take longer than {notebooks.LIMIT} s")
    print(f"{given.out}/index.html")


if __name__ == "__main__":
    main()
