"""Calls of a Flink cluster's REST interface.

Paths and responses are those of Flink's documentation,
https://nightlies.apache.org/flink/flink-docs-stable/docs/ops/rest_api/.
"""

import dataclasses
import time
from typing import Any

import requests

from indexed_imagenet.errors import UserError
from indexed_imagenet.text import error_text

# Seconds to wait for a response, and for the end of a cancelled job.
_RESPONSE_TIMEOUT = 20.0
_CANCEL_TIMEOUT = 120.0

_ENDED = ('FINISHED', 'FAILED', 'CANCELED')

_REMEDY = 'give HOST:PORT of the REST interface of a running Flink'


def _root_cause(error: BaseException) -> BaseException:
    """Returns the first error of a chain; requests wraps a refused connection thrice."""
    while True:
        context = None if error.__suppress_context__ else error.__context__
        cause = error.__cause__ or context
        if cause is None:
            return error
        error = cause


def call_rest(master: str, path: str, method: str = 'GET') -> Any:
    """Returns a cluster's response, parsed.

    Args:
      master: URL of the REST interface.
      path: for example ``/overview``.
      method: GET to read, PATCH to change.

    Raises:
      UserError: nothing answers there, or not as Flink does.
    """
    try:
        response = requests.request(method, master + path, timeout=_RESPONSE_TIMEOUT)
        response.raise_for_status()
        return response.json()
    except ValueError as error:  # not a URL, or not JSON
        raise UserError(
            f'--flink_master {master} is not a Flink cluster: {error_text(error)}; '
            f'{_REMEDY}'
        ) from error
    except requests.exceptions.ProxyError as error:
        raise UserError(
            f'--flink_master {master} cannot be reached through the proxy that the '
            f'environment names: {error_text(_root_cause(error))}; add its host to '
            'no_proxy'
        ) from error
    except requests.RequestException as error:
        raise UserError(
            f'--flink_master {master} does not answer as Flink does: '
            f'{error_text(_root_cause(error))}; {_REMEDY}'
        ) from error


@dataclasses.dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster's description of itself.

    Attributes:
      version: the version of Flink.
      slots: the task slots of all task managers.
      task_managers: how many are connected.
    """

    version: str
    slots: int
    task_managers: int


def get_cluster(master: str) -> Cluster:
    """Returns a cluster's description of itself.

    Raises:
      UserError: it is not a Flink cluster.
    """
    overview = call_rest(master, '/overview')
    try:
        return Cluster(
            version=overview['flink-version'],
            slots=overview['slots-total'],
            task_managers=overview['taskmanagers'],
        )
    except (TypeError, KeyError):
        raise UserError(
            f'--flink_master {master} is not a Flink cluster: it does not report its '
            f'version; {_REMEDY}'
        ) from None


def restarts_jobs(master: str) -> bool:
    """Returns True if the cluster's configuration has a restart strategy."""
    settings = call_rest(master, '/jobmanager/config')
    return any(setting['key'].startswith('restart-strategy') for setting in settings)


def running_jobs(master: str, name: str) -> list[str]:
    """Returns the IDs of the jobs of a name that have not ended."""
    return [
        job['jid']
        for job in call_rest(master, '/jobs/overview')['jobs']
        if job['name'] == name and job['state'] not in _ENDED
    ]


def cancel_jobs(master: str, name: str) -> None:
    """Cancels the jobs of a name, and waits for their end.

    Beam's job server drops the cancellation of a batch job; Flink itself does not.

    Raises:
      UserError: a job has not ended in time.
    """
    for job in running_jobs(master, name):
        call_rest(master, f'/jobs/{job}?mode=cancel', 'PATCH')
    deadline = time.monotonic() + _CANCEL_TIMEOUT
    while running := running_jobs(master, name):
        if time.monotonic() > deadline:
            raise UserError(
                f'stopped, but job {running[0]} of {master} is still running '
                f'{_CANCEL_TIMEOUT:.0f} s after it was cancelled; see its log there',
                exit_status=1,
            )
        time.sleep(0.2)
