"""A reverse proxy as people have them: the house lies under a sub-path, and the proxy says for whom it asks."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _forward(client: socket.socket, prefix: str, upstream: tuple[str, int]) -> None:
    with client, socket.create_connection(upstream) as server:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        top, _, rest = head.partition(b"\r\n\r\n")
        first, *headers = top.split(b"\r\n")
        method, path, version = first.split(b" ")
        if not path.startswith(prefix.encode()):
            client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        kept = [header for header in headers if not header.lower().startswith(b"connection:")]
        kept += [b"Connection: close", b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-Proto: http"]
        path = path[len(prefix) :]
        server.sendall(b"\r\n".join([b" ".join([method, path, version]), *kept]) + b"\r\n\r\n" + rest)
        upward = threading.Thread(target=_pump, args=(client, server), daemon=True)
        upward.start()
        _pump(server, client)


@contextlib.contextmanager
def sub_path_proxy(prefix: str, upstream_port: int) -> Iterator[str]:
    """Serve the house at ``upstream_port`` under ``prefix`` (such as ``/hems``); yield the address with its slash.

    One connection for each request, which is enough for a test.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_forward, args=(client, prefix, ("127.0.0.1", upstream_port)), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}{prefix}/"
    finally:
        listening.close()
