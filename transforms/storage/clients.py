"""One client per object store and process, for our operations and for Beam's.

Beam's file systems make a new client, with connections of its own, for each
operation: on S3 that is 0.3 s of a core each time, and the build of a tree of twelve
images took 79 s of CPU instead of 10.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

# A worker pool starts its workers without the pipeline's options, and the client
# of S3 wants some; then the environment says what it needs to know.
if FileSystems._pipeline_options is None:
    FileSystems.set_options(PipelineOptions([]))

# Connections that a client keeps: as many as a worker of four threads reads with.
MAX_CONNECTIONS = 128

_lock = threading.Lock()
_clients: dict[str, tuple[PipelineOptions, Any]] = {}

# Two processes must not share a connection.
os.register_at_fork(after_in_child=_clients.clear)


def shared_client(scheme: str, make: Callable[[PipelineOptions], Any]) -> Any:
    """Returns the client of a store; made once, and again if the options change."""
    options = FileSystems._pipeline_options
    with _lock:
        made_for, client = _clients.get(scheme, (None, None))
        if made_for is not options:
            client = make(options)
            _clients[scheme] = options, client
    return client
