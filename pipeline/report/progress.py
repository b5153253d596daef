"""Shows the progress of a build: bars on a terminal, plain lines elsewhere.

It comes from the files that the job writes into ``.build/``, so it works with every
runner, on this machine or elsewhere.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from indexed_imagenet.console import print_line
from indexed_imagenet.transforms import storage
from indexed_imagenet.transforms.formats.layout import (
    input_report_path,
    split_staging_dir,
    staging_dir,
)
from indexed_imagenet.transforms.input_report import InputReport

# Seconds between two plain lines.
_LINE_EVERY = 10.0


class ProgressReader(Protocol):
    """Reads how far a job has come.

    Attributes:
      unit: what is counted.
      idle: what to show while there are no totals.
      shows_end: whether the end is shown if nothing was shown before.
    """

    unit: str
    idle: str
    shows_end: bool

    @property
    def totals(self) -> dict[str, int]:
        """How many there are, by split; empty until that is known."""

    @property
    def records(self) -> dict[str, int]:
        """How many are done, by split."""

    def update(self) -> None:
        """Reads what is new."""


class ShardInfoReader:
    """A reader of the sizes of finished shards, which reads each shard's file once.

    Attributes:
      totals: number of images by split; empty until the job has joined them.
    """

    unit = 'records'
    idle = 'listing images'
    shows_end = True

    def __init__(self, output_directory: str):
        self._output_directory = output_directory
        self._shard_records: dict[str, dict[bytes, int]] = {}
        self.totals: dict[str, int] = {}

    @property
    def records(self) -> dict[str, int]:
        """The number of records in finished shards, by split."""
        return {
            split: sum(shards.values()) for split, shards in self._shard_records.items()
        }

    def update(self) -> None:
        """Reads new files. Those that cannot be read yet are left to the next update."""
        with contextlib.suppress(OSError, ValueError):
            self._update()

    def _update(self) -> None:
        names = storage.list_folder(staging_dir(self._output_directory)).files
        report_path = input_report_path(self._output_directory)
        if not self.totals and os.path.basename(report_path).encode() in names:
            input_report = InputReport.from_json(storage.read_bytes(report_path))
            if not input_report.blocks_build:
                self.totals = dict(sorted(input_report.images.items()))
        for split in self.totals:
            self._update_split(split)

    def _update_split(self, split: str) -> None:
        folder = split_staging_dir(self._output_directory, split)
        present = set(storage.list_folder(folder).files)
        shards = self._shard_records.setdefault(split, {})
        for name in shards.keys() - present:  # an earlier run's; this one replaces it
            del shards[name]
        for name in present - shards.keys():
            if name.startswith(f'{split}-'.encode()):
                content = storage.read_bytes(storage.join(folder, storage.os_name(name)))
                shards[name] = json.loads(content)['records']


class _RateColumn(ProgressColumn):
    def __init__(self, unit: str):
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f'{speed:,.0f} {self._unit}/s' if speed else '')


class ProgressWatcher:
    """A context within which a thread shows progress."""

    def __init__(
        self, folder: str, console: Console, reader: ProgressReader | None = None
    ):
        """Initializes the context.

        Args:
          folder: the output directory, or the folder that the reader reads.
          console: where to show progress.
          reader: how far the job has come; by default, a build.
        """
        self._shards = reader or ShardInfoReader(folder)
        self._console = console
        self._stop = threading.Event()
        show = self._show_bars if console.is_terminal else self._show_lines
        self._thread = threading.Thread(target=show, name='progress', daemon=True)
        self._look_every = storage.storage_of(folder).poll_seconds

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *unused_exc_info: object) -> None:
        self._stop.set()
        self._thread.join()

    def _updates(self) -> Iterator[None]:
        """Yields after each update; the last update is after the end of the job."""
        while not self._stop.wait(self._look_every):
            self._shards.update()
            yield
        self._shards.update()
        yield

    def _show_bars(self) -> None:
        columns = (
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(self._shards.unit),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as bars:
            tasks = {'': bars.add_task(self._shards.idle, total=None)}
            for _ in self._updates():
                for split, total in self._shards.totals.items():
                    if split not in tasks:
                        bars.update(tasks[''], visible=False)
                        tasks[split] = bars.add_task(split, total=total, start=False)
                    done = self._shards.records.get(split, 0)
                    if done and not bars.tasks[tasks[split]].started:
                        bars.start_task(tasks[split])
                    bars.update(tasks[split], completed=done)
            bars.update(tasks[''], visible=False)

    def _show_lines(self) -> None:
        shown_at = started_at = time.monotonic()
        shown: dict[str, int] = {}
        for _ in self._updates():
            now = time.monotonic()
            records = dict(self._shards.records)
            if not self._shards.totals:
                started_at = now
            if now - shown_at < _LINE_EVERY and not self._stop.is_set():
                continue
            is_new = bool(shown) or self._shards.shows_end
            if self._stop.is_set() and (records == shown or not is_new):
                continue
            shown_at, shown = now, records
            print_line(self._console, self._line(records, now - started_at))

    def _line(self, records: dict[str, int], seconds: float) -> str:
        totals = self._shards.totals
        if not totals:
            return self._shards.idle
        parts = [
            f'{split} {records.get(split, 0):,} of {total:,} {self._shards.unit}'
            for split, total in totals.items()
        ]
        done, total = sum(records.values()), sum(totals.values())
        if seconds and done:
            rate = done / seconds
            parts.append(f'{rate:,.0f} {self._shards.unit}/s')
            if not self._stop.is_set():
                left = time.strftime('%H:%M:%S', time.gmtime((total - done) / rate))
                parts.append(f'{left} left')
        return ', '.join(parts)
