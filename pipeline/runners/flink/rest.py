"""What is asked of a Flink cluster through its REST interface.

The paths and their answers are those that Flink documents for that interface.
"""

import json
import time
import urllib.request
from http.client import HTTPException
from typing import Any, NamedTuple

from indexed_imagenet.errors import UserError

# Seconds that an answer may take, and the end of a job that is cancelled.
_ANSWERS_WITHIN = 20.0
_CANCELLED_WITHIN = 120.0

_ENDED = ('FINISHED', 'FAILED', 'CANCELED')


def ask_cluster(master: str, path: str, method: str = 'GET') -> Any:
    """What a cluster says.

    Args:
      master: URL of its REST interface.
      path: such as ``/overview``.
      method: GET to ask, PATCH to change.

    Raises:
      UserError: there is no Flink.
    """
    remedy = 'give HOST:PORT of the REST interface of a Flink that runs'
    try:
        request = urllib.request.Request(master + path, method=method)
        with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN) as answer:
            return json.load(answer)
    except (OSError, HTTPException) as error:
        reason = getattr(error, 'reason', error)
        raise UserError(
            f'--flink_master {master} does not answer as Flink does: {reason}; {remedy}'
        ) from error
    except ValueError as error:  # no URL, or no JSON
        raise UserError(
            f'--flink_master {master} is no Flink: {error}; {remedy}'
        ) from error


class Cluster(NamedTuple):
    """What a cluster says of itself.

    Attributes:
      version: of its Flink.
      slots: of all task managers that are there.
      task_managers: how many are there.
    """

    version: str
    slots: int
    task_managers: int


def get_cluster(master: str) -> Cluster:
    """Asks a cluster what it is.

    Raises:
      UserError: there is no Flink.
    """
    overview = ask_cluster(master, '/overview')
    keys = ('flink-version', 'slots-total', 'taskmanagers')
    try:
        return Cluster(*(overview[key] for key in keys))
    except (TypeError, KeyError):
        raise UserError(
            f'--flink_master {master} is no Flink: it does not say its version; give '
            'HOST:PORT of the REST interface of a Flink that runs'
        ) from None


def restarts_jobs(master: str) -> bool:
    """Whether the cluster's configuration has a restart strategy."""
    settings = ask_cluster(master, '/jobmanager/config')
    return any(setting['key'].startswith('restart-strategy') for setting in settings)


def running_jobs(master: str, name: str) -> list[str]:
    """The ids of the jobs of a name that have not ended."""
    return [
        job['jid']
        for job in ask_cluster(master, '/jobs/overview')['jobs']
        if job['name'] == name and job['state'] not in _ENDED
    ]


def cancel_jobs(master: str, name: str) -> None:
    """Cancels the jobs of a name, and waits until they have ended.

    Beam's job server forgets a batch job that it is told to cancel; Flink does not.

    Raises:
      UserError: one has not ended after two minutes.
    """
    for job in running_jobs(master, name):
        ask_cluster(master, f'/jobs/{job}?mode=cancel', 'PATCH')
    deadline = time.monotonic() + _CANCELLED_WITHIN
    while running := running_jobs(master, name):
        if time.monotonic() > deadline:
            raise UserError(
                f'stopped, but job {running[0]} of {master} has not ended '
                f'{_CANCELLED_WITHIN:.0f} s after it was cancelled; see there why',
                exit_status=1,
            )
        time.sleep(0.2)
