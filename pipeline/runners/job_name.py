"""The name by which a cluster or service knows a job."""

import hashlib
import uuid


def job_name(output_directory: str) -> str:
    """One name for all jobs that write into a directory; '' stands for none.

    By it a job is found again whose launcher has died, and with it the lock, so that
    no second one begins beside it: Dataflow takes no two of a name at a time, and
    Flink is asked.
    """
    directory = output_directory.rstrip('/') or uuid.uuid4().hex
    return f'indexed-imagenet-{hashlib.sha256(directory.encode()).hexdigest()[:12]}'
