"""`python -m keras_seq.serving PATH`: a local server for trying a model out."""

import argparse
import threading

from keras_seq.serving._ops import inspect
from keras_seq.serving._saved_model import newest_version, read_meta_graph
from keras_seq.serving._server import LocalServer
from keras_seq.serving._session import load_text_ops


def main() -> None:
    """Serves the newest version in a folder until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m keras_seq.serving",
        description="Serves an exported model on this machine, for trying it out, "
        "with the REST interface of TensorFlow Serving.",
    )
    parser.add_argument("path", help="the saved_model folder, e.g. runs/x/saved_model")
    parser.add_argument("--name", default="model", help="model name in the address")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8501, help="0 takes a free one")
    arguments = parser.parse_args()
    directory = newest_version(arguments.path)
    if inspect(read_meta_graph(directory)).text_ops:
        load_text_ops()
    with LocalServer(
        directory, arguments.name, host=arguments.host, port=arguments.port
    ) as server:
        print(f"POST to {server.url}:predict; stop with Ctrl+C", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
