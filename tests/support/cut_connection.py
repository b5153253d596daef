"""A way to a server on which connections are cut amid what is sent to it."""

import contextlib
import re
import select
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

# Bytes sent in one request after which its connection may be cut: more than any
# request has that sends no part of a shard.
_AMID = 20_000


class Way(socketserver.ThreadingTCPServer):
    """Hands on what clients and the server say.

    Attributes:
      holds_back: whether the server gets none of a request before the way has all.
      url: of this way.
      cuts_left: how many connections are still to be cut.
      num_cut: how many have been.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, url: str, holds_back: bool):
        super().__init__(('localhost', 0), _Connection)
        self.holds_back = holds_back
        self.url = f'http://localhost:{self.server_address[1]}'
        self.cuts_left = 0
        self.num_cut = 0
        self.lock = threading.Lock()
        parts = urlsplit(url)
        self.target = (parts.hostname, parts.port)

    def is_to_be_cut(self, num_sent: int) -> bool:
        with self.lock:
            if num_sent < _AMID or not self.cuts_left:
                return False
            self.cuts_left -= 1
            self.num_cut += 1
            return True

    def handle_error(self, request, client_address) -> None:
        """Either side may go at any time."""


def _is_whole(request: bytes) -> bool:
    """Whether a request of HTTP has as much of a body as its head announces."""
    head, _, body = request.partition(b'\r\n\r\n')
    announced = re.search(rb'(?i)\r\ncontent-length: *([0-9]+)', head)
    return b'\r\n\r\n' in request and len(body) >= int(announced[1] if announced else 0)


class _Connection(socketserver.BaseRequestHandler):
    server: Way

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as target:
            num_sent, held = 0, b''
            while True:
                for side in select.select([self.request, target], [], [])[0]:
                    data = side.recv(1 << 14)
                    if not data:
                        return
                    if side is target:
                        num_sent = 0
                        self.request.sendall(data)
                        continue
                    num_sent += len(data)
                    if self.server.is_to_be_cut(num_sent):
                        self._reset()
                        return
                    held += data
                    if not self.server.holds_back or _is_whole(held):
                        target.sendall(held)
                        held = b''

    def _reset(self) -> None:
        """Ends the connection as one that broke, not one that was closed."""
        linger = struct.pack('ii', 1, 0)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.request.close()


@contextlib.contextmanager
def way_to(url: str, holds_back: bool = False) -> Iterator[Way]:
    """A way to a server that cuts none before it is told to."""
    with Way(url, holds_back) as way:
        threading.Thread(target=way.serve_forever, daemon=True).start()
        yield way
        way.shutdown()
