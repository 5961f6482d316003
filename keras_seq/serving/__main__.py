"""`python -m keras_seq.serving serve|check|batch`: a served model from the shell.

Here is what is asked, which is answered at once where it is wrong or `--help`; what is
done, in _commands.py, takes TensorFlow.
"""

import argparse
import difflib
import os
import sys
from collections.abc import Sequence

from keras_seq.extras import quiet_import
from keras_seq.serving._errors import ServingError
from keras_seq.serving._limits import MOST_BYTES, SECONDS

COMMANDS = ("serve", "check", "batch")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; a folder alone is served.

    Returns:
        The exit status: 1 if a check or a row has failed; 130 after Ctrl+C, 141 if
        nobody reads what is printed.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] not in (*COMMANDS, "-h", "--help"):
        nearest = difflib.get_close_matches(given[0], COMMANDS, 1)
        if nearest and not os.path.exists(given[0]):
            print(f"{given[0]!r}: did you mean {nearest[0]}?", file=sys.stderr)
            return 2
        given.insert(0, "serve")
    parsed = _parser().parse_args(given)
    try:
        if not os.path.isdir(parsed.path):
            raise FileNotFoundError(
                "`path` must be a folder with a version folder (1, 2, ...) in it; "
                f"there is no folder {parsed.path!r}"
            )
        if arguments is None:  # as a program
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            if parsed.command == "serve":  # oneDNN's allocator gives nothing back
                os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
            quiet_import("tensorflow", "tensorflow_text")
        from keras_seq.serving import _commands

        status = getattr(_commands, parsed.command)(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # what is left in the buffer has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return 130
    except (ServingError, OSError, ImportError) as error:
        print(error, file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m keras_seq.serving", description="An exported model at work."
    )
    commands = parser.add_subparsers(required=True, metavar="serve | check | batch")
    path = "the saved_model folder, e.g. runs/x/saved_model"
    serve = commands.add_parser(
        "serve",
        help="serve it on this machine, for trying it out, with the REST interface of "
        "TensorFlow Serving and the Open Inference Protocol",
    )
    serve.add_argument("path", help=path)
    serve.add_argument(
        "--name", type=_name, default="model", help="model name in the address"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=_port, default=8501, help="0 takes a free one")
    serve.add_argument(
        "--label",
        action="append",
        default=[],
        type=_label,
        metavar="LABEL=VERSION",
        help="serve this version too, e.g. stable=1; may be repeated",
    )
    serve.add_argument(
        "--max-body", type=_positive, default=MOST_BYTES, help="bytes of a request"
    )
    serve.add_argument(
        "--timeout", type=_positive, default=int(SECONDS), help="seconds for an answer"
    )
    serve.set_defaults(command="serve")
    prove = commands.add_parser(
        "check", help="prove that it serves without Keras, and stands hostile requests"
    )
    prove.add_argument("path", help=path)
    prove.add_argument(
        "--hostile", type=int, default=100, help="hostile requests to each signature"
    )
    prove.set_defaults(command="check")
    batch = commands.add_parser("batch", help="answer a file of rows")
    batch.add_argument("path", help=path)
    batch.add_argument(
        "rows", help="a JSON object, of the inputs, in each line; - is standard input"
    )
    batch.add_argument(
        "out",
        help="where the answers are written, one in each line; - is standard output",
    )
    batch.add_argument("--signature", default="serving_default")
    batch.add_argument("--batch-size", type=int, default=32)
    batch.set_defaults(command="batch")
    return parser


def _name(text: str) -> str:
    if not text or "/" in text or ":" in text:
        raise argparse.ArgumentTypeError(f"a name without '/' and ':', not {text!r}")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"a number from 0 to 65535, not {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text!r}")
    return int(text)


def _label(text: str) -> tuple[str, str]:
    label, _, version = text.partition("=")
    if not label or set(label) & set("/:") or not version.isdecimal():
        raise argparse.ArgumentTypeError(f"LABEL=VERSION, e.g. stable=1, not {text!r}")
    return label, version


if __name__ == "__main__":
    sys.exit(main())
