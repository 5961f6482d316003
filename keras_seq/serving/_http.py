"""What uvicorn's connections lack for requests that mean ill: time, and JSON errors."""

import asyncio
import sys

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from keras_seq.serving._rest import as_json

HEAD_SECONDS = 10.0  # for the lines before a body
SEND_SECONDS = 30.0  # for a client to take what it is sent
LINGER_SECONDS = 1.0  # to read an error, while what it still sends is thrown away
HEAD_BYTES = 65_536
MOST_CONNECTIONS = 500


class Connection(H11Protocol):
    """A connection that is closed when its client is too slow or makes no sense.

    uvicorn itself waits without end for the first request, for the rest of one that has
    begun, and for a client that doesn't read.
    """

    _late: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _heard = False
    _ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._end(503, f"More than {MOST_CONNECTIONS} connections")
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._late, self._stuck):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._heard = True
        super().data_received(data)
        self._watch()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # it may
        """A client that has sent all may still read, until it has its answer."""
        if self._ended or not self._busy:
            return None
        if self.cycle.more_body:
            self._end(400, "The body ended before its length")
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        if self._ended:
            self.transport.abort()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        error = sys.exc_info()[1]
        status = 400
        if isinstance(error, h11.RemoteProtocolError):
            status = error.error_status_hint
            msg = f"Malformed request: {error}"
        self._end(status, msg)

    @property
    def _busy(self) -> bool:
        """Whether a request has come that isn't answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self._busy and self._late is not None:
            self._late.cancel()
            self._late = None
        elif not self._busy and self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _too_late(self) -> None:
        if self._ended or self.transport.is_closing():
            return
        if self._heard:
            self._end(408, f"The request did not come in {HEAD_SECONDS:g} s")
        else:
            self.transport.abort()

    def _end(self, status: int, message: str) -> None:
        """Sends an error if nothing was sent yet, and closes the connection."""
        self._ended = True
        if self.cycle is not None:  # It gets no answer of its own.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = as_json({"error": message})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        reason = STATUS_PHRASES[status]
        response = h11.Response(status_code=status, headers=headers, reason=reason)
        try:
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            # To close at once would throw away what the client hasn't read.
            self.transport.write_eof()
            self.flow.resume_reading()
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        except (h11.LocalProtocolError, OSError):
            # An answer has begun, or the client is gone.
            self.transport.abort()
