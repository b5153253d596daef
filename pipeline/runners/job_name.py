"""The name by which a cluster or service knows a job."""

import hashlib
import uuid


def job_name(output_directory: str) -> str:
    """Returns the name shared by all jobs that write into a directory.

    If a launcher dies, its lock on the directory goes with it, but its job may still
    run. The name finds that job, so that no second one starts: Dataflow refuses two
    active jobs of one name, and a Flink cluster is asked for it.

    Args:
      output_directory: a path or URL; '' gives a name that no other job has.
    """
    directory = output_directory.rstrip('/') or uuid.uuid4().hex
    return f'indexed-imagenet-{hashlib.sha256(directory.encode()).hexdigest()[:12]}'
