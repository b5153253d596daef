"""A proxy to a server that can cut connections while a request is being sent."""

import contextlib
import re
import select
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

# Bytes of a request after which its connection may be cut: more than any request has
# that carries no part of a shard.
_CUT_AFTER = 20_000


class CuttingProxy(socketserver.ThreadingTCPServer):
    """Passes on what clients and the server send.

    Attributes:
      whole_requests: send the server a request only once all of it is here.
      url: of this proxy.
      cuts_left: how many connections are still to be cut.
      num_cut: how many were cut.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, url: str, whole_requests: bool):
        super().__init__(('localhost', 0), _Connection)
        self.whole_requests = whole_requests
        self.url = f'http://localhost:{self.server_address[1]}'
        self.cuts_left = 0
        self.num_cut = 0
        self.lock = threading.Lock()
        parts = urlsplit(url)
        self.target = (parts.hostname, parts.port)

    def take_cut(self, num_sent: int) -> bool:
        """Returns True if a connection is to be cut now, and counts it as cut."""
        with self.lock:
            if num_sent < _CUT_AFTER or not self.cuts_left:
                return False
            self.cuts_left -= 1
            self.num_cut += 1
            return True

    def handle_error(self, request, client_address) -> None:
        """Prints nothing: either side may close a connection at any time."""


def _is_whole(request: bytes) -> bool:
    """Returns True if the body of an HTTP request is as long as its header says."""
    head, _, body = request.partition(b'\r\n\r\n')
    announced = re.search(rb'(?i)\r\ncontent-length: *([0-9]+)', head)
    return b'\r\n\r\n' in request and len(body) >= int(announced[1] if announced else 0)


class _Connection(socketserver.BaseRequestHandler):
    server: CuttingProxy

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
                    if self.server.take_cut(num_sent):
                        self._reset()
                        return
                    held += data
                    if not self.server.whole_requests or _is_whole(held):
                        target.sendall(held)
                        held = b''

    def _reset(self) -> None:
        """Ends the connection with a reset, as if it broke, instead of closing it."""
        linger = struct.pack('ii', 1, 0)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.request.close()


@contextlib.contextmanager
def cutting_proxy(url: str, whole_requests: bool = False) -> Iterator[CuttingProxy]:
    """Runs a proxy; it cuts nothing until ``cuts_left`` is set.

    Args:
      url: of the server.
      whole_requests: send the server a request only once all of it is here.
    """
    with CuttingProxy(url, whole_requests) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
