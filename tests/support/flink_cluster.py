"""A standalone Flink on one machine: a job manager, task managers, worker pools.

Each is a process, in place of a machine. A job names one address of a worker pool for
all task managers, and each task manager needs its own pool: two that share one stop each
other's workers. So each task manager's Java resolves the pool's name to a different
loopback address, from which connections are forwarded to its own pool.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

from support import engines
from support.servers import free_port
from support.stress import child_processes

_JOB_MANAGER = 'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint'
_TASK_MANAGER = 'org.apache.flink.runtime.taskexecutor.TaskManagerRunner'

# The packages that Flink's start scripts open for Java 17.
_OPEN = [
    f'--add-{kind}=java.base/{package}=ALL-UNNAMED'
    for kind, package in (
        ('exports', 'sun.net.util'),
        ('opens', 'java.lang'),
        ('opens', 'java.net'),
        ('opens', 'java.io'),
        ('opens', 'java.nio'),
        ('opens', 'sun.nio.ch'),
        ('opens', 'java.util'),
        ('opens', 'java.util.concurrent'),
        ('opens', 'java.time'),
    )
]

# The host name by which a task manager finds its worker pool.
_POOL = 'worker-pool'


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


def _forward(address: str, port: int, to_port: int) -> Callable[[], None]:
    """Forwards connections to a local port; returns a function that stops it."""
    loop = asyncio.new_event_loop()

    async def connect(reader, writer):
        to_reader, to_writer = await asyncio.open_connection('127.0.0.1', to_port)
        await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))

    loop.run_until_complete(asyncio.start_server(connect, address, port))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return lambda: loop.call_soon_threadsafe(loop.stop)


@dataclasses.dataclass
class FlinkCluster:
    """A running cluster.

    Attributes:
      master: HOST:PORT of its REST interface.
      worker_pool: HOST:PORT where a task manager finds its worker pool.
      job_manager: its process.
      task_managers: one process each.
      pools: one process per worker pool; their children are the SDK workers.
      folder: has one log per process.
    """

    master: str
    worker_pool: str
    job_manager: subprocess.Popen
    task_managers: list[subprocess.Popen]
    pools: list[subprocess.Popen]
    folder: pathlib.Path

    def get(self, path: str):
        """Returns a response of the REST interface, parsed."""
        with urllib.request.urlopen(f'http://{self.master}{path}', timeout=10) as answer:
            return json.load(answer)

    def flags(self) -> list[str]:
        """Returns the flags of a build on this cluster."""
        return [
            '--runner=FlinkRunner',
            f'--flink_master={self.master}',
            f'--flink_job_server_jar={engines.flink_job_server()}',
            '--environment_type=EXTERNAL',
            f'--environment_config={self.worker_pool}',
        ]

    def sdk_workers(self) -> list[int]:
        """Returns the IDs of the processes that run our code."""
        return [pid for pool in self.pools for pid in child_processes(pool.pid)]


def _configure(folder: pathlib.Path, rest_port: int, slots: int) -> None:
    settings = {
        'jobmanager.rpc.address': 'localhost',
        'jobmanager.rpc.port': free_port(),
        'jobmanager.memory.process.size': '1g',
        'rest.address': 'localhost',
        'rest.bind-address': 'localhost',
        'rest.port': rest_port,
        'taskmanager.host': 'localhost',
        'taskmanager.numberOfTaskSlots': slots,
        'taskmanager.cpu.cores': slots,
        'taskmanager.memory.task.heap.size': '512m',
        'taskmanager.memory.task.off-heap.size': '128m',
        'taskmanager.memory.framework.heap.size': '128m',
        'taskmanager.memory.framework.off-heap.size': '128m',
        'taskmanager.memory.jvm-metaspace.size': '256m',
        'taskmanager.memory.jvm-overhead.min': '192m',
        'taskmanager.memory.jvm-overhead.max': '192m',
        'taskmanager.memory.network.min': '160m',
        'taskmanager.memory.network.max': '160m',
        'taskmanager.memory.managed.size': '128m',
        'cluster.evenly-spread-out-slots': 'true',
        # Notices a dead task manager within seconds instead of a minute.
        'heartbeat.interval': 1000,
        'heartbeat.timeout': 10000,
        'restart-strategy.type': 'fixed-delay',
        'restart-strategy.fixed-delay.attempts': 10,
        'restart-strategy.fixed-delay.delay': '2 s',
        'io.tmp.dirs': folder / 'tmp',
    }
    (folder / 'tmp').mkdir()
    text = ''.join(f'{name}: {value}\n' for name, value in settings.items())
    (folder / 'flink-conf.yaml').write_text(text)
    (folder / 'log4j2.properties').write_text(
        'rootLogger.level = INFO\n'
        'rootLogger.appenderRef.console.ref = console\n'
        'appender.console.name = console\n'
        'appender.console.type = CONSOLE\n'
        'appender.console.layout.type = PatternLayout\n'
        'appender.console.layout.pattern = %d %p %c{1} %m%n\n'
    )


def _start(folder: pathlib.Path, name: str, argv, **more) -> subprocess.Popen:
    with open(folder / f'{name}.log', 'wb') as log:
        return subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder, **more)


def _java(folder: pathlib.Path, main: str, pool_address: str) -> list[str]:
    hosts = folder / f'hosts-{pool_address}'
    hosts.write_text(
        f'127.0.0.1 localhost {socket.gethostname()}\n{pool_address} {_POOL}\n'
    )
    properties = {
        'jdk.net.hosts.file': hosts,
        'log4j.configurationFile': folder / 'log4j2.properties',
        'java.io.tmpdir': folder / 'tmp',
    }
    set_them = [f'-D{name}={value}' for name, value in properties.items()]
    classpath = f'{engines.flink()}/*'
    argv = ['java', '-Xmx768m', *_OPEN, *set_them, '-cp', classpath, main]
    return [*argv, '--configDir', str(folder)]


def _start_pool(folder: pathlib.Path, number: int, port: int) -> subprocess.Popen:
    return _start(
        folder,
        f'pool-{number}',
        [sys.executable, '-m', 'apache_beam.runners.worker.worker_pool_main']
        + [f'--service_port={port}'],
        # The pool starts its workers as "python".
        env={
            **os.environ,
            'PATH': f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}',
        },
    )


@contextlib.contextmanager
def flink_cluster(
    folder: pathlib.Path, task_managers: int = 2, slots: int = 2
) -> Iterator[FlinkCluster]:
    """Runs a cluster for as long as the context lasts.

    Args:
      folder: a new one, for configuration and logs.
      task_managers: how many, each with a worker pool.
      slots: of each task manager.
    """
    folder.mkdir(parents=True)
    rest_port, port = free_port(), free_port()
    _configure(folder, rest_port, slots)
    running, ends = [], []
    job_manager = _start(folder, 'jm', _java(folder, _JOB_MANAGER, '127.0.0.1'))
    cluster = FlinkCluster(
        f'localhost:{rest_port}', f'{_POOL}:{port}', job_manager, [], [], folder
    )
    try:
        running.append(job_manager)
        for number in range(task_managers):
            address, pool_port = f'127.0.1.{number + 1}', free_port()
            cluster.pools.append(_start_pool(folder, number, pool_port))
            running.append(cluster.pools[-1])
            ends.append(_forward(address, port, pool_port))
            argv = _java(folder, _TASK_MANAGER, address)
            cluster.task_managers.append(_start(folder, f'tm-{number}', argv))
            running.append(cluster.task_managers[-1])
        _wait_until_ready(cluster, running, task_managers)
        yield cluster
    finally:
        for pid in cluster.sdk_workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in running:
            process.kill()
        for process in running:
            process.wait()
        for end in ends:
            end()


def _wait_until_ready(cluster: FlinkCluster, running, task_managers: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        dead = [process.args for process in running if process.poll() is not None]
        if dead or time.monotonic() > deadline:
            logs = '\n'.join(
                ''.join(path.read_text(errors='replace')[-2000:])
                for path in sorted(cluster.folder.glob('*.log'))
            )
            raise RuntimeError(f'Flink did not start; exited: {dead}\n{logs}')
        with contextlib.suppress(OSError):
            if cluster.get('/overview')['taskmanagers'] == task_managers:
                return
        time.sleep(0.2)
