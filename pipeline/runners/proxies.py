"""Keeps the connections between launcher and workers on this machine off any proxy.

gRPC sends even a connection to localhost through the proxy that the environment names,
and few proxies can reach back. What goes to stores, Maven or Google still uses it.
"""

import os
from collections.abc import MutableMapping

# The variables from which gRPC and Python's HTTP clients take a proxy.
_PROXIES = ('grpc_proxy', 'https_proxy', 'http_proxy', 'all_proxy')
_LOOPBACK = ('localhost', '127.0.0.1', '::1')

# gRPC knows no wildcard, which to others means all hosts, but only alone.
_ALL_HOSTS = '*'


def _with_loopback(hosts: str) -> str:
    """Returns a list of hosts like that of ``no_proxy``, extended by this machine's.

    >>> _with_loopback('.example.com,localhost')
    '.example.com,localhost,127.0.0.1,::1'
    """
    names = [name.strip() for name in hosts.split(',') if name.strip()]
    return ','.join([*names, *(name for name in _LOOPBACK if name not in names)])


def bypass_proxies_on_loopback(
    environment: MutableMapping[str, str] = os.environ,
) -> None:
    """Exempts this machine from the proxies that the environment names.

    Worker processes and job servers inherit the change. Without a proxy nothing is
    changed: on macOS, ``no_proxy`` alone would switch off the system's own proxies.

    Args:
      environment: what to change; that of this process must be changed before gRPC is
        imported.
    """
    if not any(
        environment.get(name) or environment.get(name.upper()) for name in _PROXIES
    ):
        return
    lower, upper = environment.get('no_proxy'), environment.get('NO_PROXY')
    shared = upper or '' if lower is None else lower
    grpc_only = environment.get('no_grpc_proxy')
    environment['no_grpc_proxy'] = _with_loopback(grpc_only or shared)
    if shared.strip() != _ALL_HOSTS:
        environment['no_proxy'] = _with_loopback(shared)
    if upper is not None and upper.strip() != _ALL_HOSTS:
        environment['NO_PROXY'] = _with_loopback(upper)
