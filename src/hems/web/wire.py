"""What a connection may cost before anybody knows who asks: so many at a time, so many bytes, so long.

The service's files, memory and log are the control's too. Without these bounds 1,100 silent connections took every file
that the service may have open (systemd: LimitNOFILE=1024) and with them the inverter; and the head of a single request
could grow until the memory was gone. uvicorn bounds neither (``limit_concurrency`` only chooses the answer).
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CONNECTIONS_HELD_MAX = 256
"""More are hung up on at once. Those above the server's own limit, a little lower, are told 503."""

HEAD_MAX_BYTES = 64 * 1024
"""Of what has come without making a head or a piece of a body; a browser's head takes 1 kB."""

REQUEST_WITHIN_S = 20.0
"""From its first byte, or from the connection's beginning, to its last: it has 64 kB at most."""


class BoundedConnection(HttpToolsProtocol):
    """A connection of uvicorn's that is hung up on where it takes too much."""

    _unread_bytes = 0
    """What has come since the last head, piece of a body or end of a request."""
    _is_in_head = True
    _is_in_request = False
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or hang up where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_HELD_MAX:
            transport.abort()
        else:
            self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless too much has come without making sense."""
        if self.transport.is_closing():
            return
        self._unread_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unread_bytes > HEAD_MAX_BYTES:
            self._refuse()
        elif self._patience is None and not self._is_in_request and self._is_idle:
            self._wait_for_request()  # an empty line between two requests has ended uvicorn's own wait

    def on_message_begin(self) -> None:
        """Begin a request, which has to end in time."""
        super().on_message_begin()
        self._is_in_head = self._is_in_request = True
        if self._patience is None:
            self._wait_for_request()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; not what follows a body, for the request may have been judged by its headers already."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End the head."""
        self._is_in_head, self._unread_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; how large it grows is the application's to bound."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._is_in_request, self._unread_bytes = False, 0
        self._stop_waiting()
        super().on_message_complete()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self) -> None:
        if self._is_idle:
            self.send_400_response(f"A request has a head of at most {HEAD_MAX_BYTES // 1024} kB.")
        else:
            self.transport.abort()  # in the midst of another answer

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(REQUEST_WITHIN_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
