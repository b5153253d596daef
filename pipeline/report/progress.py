"""Shows the progress of a build: bars on a terminal, plain lines elsewhere.

It comes from the files that the job writes into ``.build/``, so it works with every
runner, on this machine or elsewhere.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Protocol, Self

from rich.console import Console
from rich.progress import Progress

from indexed_imagenet.console import print_line
from indexed_imagenet.report.bars import bar_columns, time_text
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


class SplitRates:
    """The records per second of each split, in the time that was spent on it.

    Runners take one split after the other. What is there at the start was kept from an
    earlier run, and says nothing.
    """

    def __init__(self) -> None:
        # By split: records and time at its start, and the same at its last change.
        self._starts: dict[str, tuple[int, float]] = {}
        self._latest: dict[str, tuple[int, float]] = {}

    def update(self, records: Mapping[str, int], now: float) -> None:
        """Takes the number of finished records of each split at a time, in seconds."""
        old = {split: self._latest.get(split, (0, now))[0] for split in records}
        has_progress = any(records[split] > old[split] for split in records)
        for split, count in records.items():
            waits = self._latest.get(split) == self._starts.get(split)
            if split not in self._starts or (
                waits and has_progress and count == old[split]
            ):
                self._starts[split] = self._latest[split] = (count, now)
            elif count != old[split]:
                self._latest[split] = (count, now)

    def of(self, split: str) -> float:
        """Returns the records per second of a split; 0 if that is unknown."""
        if split not in self._starts:
            return 0.0
        (first, started), (last, ended) = self._starts[split], self._latest[split]
        return (last - first) / (ended - started) if ended > started else 0.0

    def current(self) -> float:
        """Returns the records per second of the split that changed last."""
        if not self._latest:
            return 0.0
        return self.of(max(self._latest, key=lambda split: self._latest[split][1]))


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
        self._rates = SplitRates()
        self._console = console
        self._stop = threading.Event()
        has_bars = console.is_terminal and not console.is_dumb_terminal
        show = self._show_bars if has_bars else self._show_lines
        self._thread = threading.Thread(target=show, name='progress', daemon=True)
        self._look_every = storage.storage_of(folder).poll_seconds

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *unused_exc_info: object) -> None:
        self._stop.set()
        self._thread.join()

    def _updates(self) -> Iterator[dict[str, int]]:
        """Yields the records of each split after each update.

        The last update is after the end of the job.
        """
        while not self._stop.wait(self._look_every):
            yield self._update()
        yield self._update()

    def _update(self) -> dict[str, int]:
        self._shards.update()
        records = dict.fromkeys(self._shards.totals, 0) | self._shards.records
        self._rates.update(records, time.monotonic())
        return records

    def _show_bars(self) -> None:
        with Progress(*bar_columns(self._console), console=self._console) as bars:
            tasks = {'': bars.add_task(self._shards.idle, total=None)}
            for records in self._updates():
                for split, total in self._shards.totals.items():
                    if split not in tasks:
                        bars.update(tasks[''], visible=False)
                        unit = self._shards.unit
                        tasks[split] = bars.add_task(split, total=total, unit=unit)
                    rate = self._rates.of(split)
                    bars.update(tasks[split], completed=records[split], rate=rate)
            bars.update(tasks[''], visible=False)

    def _show_lines(self) -> None:
        shown_at = time.monotonic()
        shown: dict[str, int] = {}
        for records in self._updates():
            now = time.monotonic()
            if now - shown_at < _LINE_EVERY and not self._stop.is_set():
                continue
            is_new = bool(shown) or self._shards.shows_end
            if self._stop.is_set() and (records == shown or not is_new):
                continue
            shown_at, shown = now, records
            print_line(self._console, self._line(records))

    def _line(self, records: dict[str, int]) -> str:
        totals = self._shards.totals
        if not totals:
            return self._shards.idle
        unit = self._shards.unit
        parts = []
        for split, total in totals.items():
            parts.append(f'{split} {records[split]:,} of {total:,} {unit}')
            if rate := self._rates.of(split):
                parts.append(f'{rate:,.0f} {unit}/s')
        rate = self._rates.current()
        left = sum(totals.values()) - sum(records.values())
        if rate and left > 0 and not self._stop.is_set():
            parts.append(f'{time_text(left / rate)} left')
        return ', '.join(parts)
