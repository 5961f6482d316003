"""A local server with the REST interface of TensorFlow Serving, for trying a model out.

It loads the model as the server does, and follows its rules for requests, and those of
the Open Inference Protocol. Bodies, time and waiting requests are bounded, and what
makes no sense is answered with an error. But it has no batching, no encryption and
nobody who watches it: production is TensorFlow Serving's.
"""

import ipaddress
import socket
import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_seq.extras import require
from keras_seq.serving._limits import MOST_BYTES, SECONDS
from keras_seq.serving._served import ServedModel
from keras_seq.serving._served import plain as plain

KEEP_ALIVE_SECONDS = 75
ENDING_SECONDS = 5  # for what is under way when it ends


class LocalServer:
    """Serves version folders of a model; `with` starts and stops it.

    Args:
        directory: The version folder, or several: the last answers requests that name
            none.
        name: Model name, in the address.
        host: Address to listen on.
        port: Port; 0 takes a free one, see `url`.
        labels: The version, as its folder is called, that each label stands for.
        most_bytes: What the body of a request may have.
        seconds: What an answer may take.

    Attributes:
        url: The model's address.
        is_local: Whether only this machine can reach it.

    Raises:
        ImportError: If the extra `server` isn't installed.
        OSError: If it can't listen there.
    """

    def __init__(
        self,
        directory: Path | Sequence[Path],
        name: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        labels: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
        seconds: float = SECONDS,
    ):
        for module in ("starlette", "h11"):
            require(module, "server")
        uvicorn = require("uvicorn", "server")
        from keras_seq.serving._app import App
        from keras_seq.serving._http import HEAD_BYTES, Connection

        self._socket = _listening(host, port)
        directories = [directory] if isinstance(directory, Path) else list(directory)
        try:
            model = ServedModel(directories, name, labels=labels or {}, seconds=seconds)
        except BaseException:
            self._socket.close()
            raise
        self._app = App(model, most_bytes=most_bytes)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                self._app.asgi,
                http=Connection,
                ws="none",
                loop="asyncio",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=ENDING_SECONDS,
                h11_max_incomplete_event_size=HEAD_BYTES,
            )
        )
        # In a thread, so that signals stay with those who start it.
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        address, port = self._socket.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        quoted = urllib.parse.quote(name, safe="")
        self.is_local = ipaddress.ip_address(address).is_loopback
        self.url = f"http://{shown}:{port}/v1/models/{quoted}"

    def __enter__(self) -> "LocalServer":
        self._thread.start()
        while not self._uvicorn.started:
            if not self._thread.is_alive():
                raise RuntimeError("the server has ended before it began")
            time.sleep(0.005)
        return self

    def __exit__(self, *exception: object) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(timeout=ENDING_SECONDS)
        self._app.close()
        self._thread.join()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        raise OSError(f"cannot listen on {host}, port {port}: {error}") from error
