"""Shows how far a build is, from the notes in the output's working folder.

The notes are written by the job itself, so this works for any runner, on this
machine or elsewhere. On a terminal it is a bar; otherwise plain lines.
"""

import contextlib
import json
import threading
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from indexed_imagenet.transforms.formats.layout import (
    input_report_path,
    split_staging_dir,
    staging_dir,
)
from indexed_imagenet.transforms.input_report import InputReport
from indexed_imagenet.transforms.storage import files

# Seconds between two looks into the working folder, and between two plain lines.
_LOOK_EVERY = 0.5
_LOOK_EVERY_REMOTE = 5.0
_LINE_EVERY = 10.0


class NoteReader:
    """Adds up the records of finished shards; reads each of them once."""

    def __init__(self, output_directory: str):
        self._output_directory = output_directory
        self._in_shards: dict[str, dict[bytes, int]] = {}
        self.totals: dict[str, int] = {}

    @property
    def records(self) -> dict[str, int]:
        """How many records of each split are in finished shards."""
        return {split: sum(shards.values()) for split, shards in self._in_shards.items()}

    def look(self) -> None:
        """Reads what is new. What cannot be read now may be at the next look."""
        with contextlib.suppress(OSError, ValueError):
            self._look()

    def _look(self) -> None:
        names = files.list_folder(staging_dir(self._output_directory)).files
        if not self.totals and b'input_report.json' in names:
            note = files.read_bytes(input_report_path(self._output_directory))
            input_report = InputReport.from_json(note)
            if not input_report.blocks_build:
                self.totals = dict(sorted(input_report.images.items()))
        for split in self.totals:
            self._look_at(split)

    def _look_at(self, split: str) -> None:
        folder = split_staging_dir(self._output_directory, split)
        present = set(files.list_folder(folder).files)
        shards = self._in_shards.setdefault(split, {})
        for gone in shards.keys() - present:  # an earlier run's, to be made anew
            del shards[gone]
        for name in present - shards.keys():
            if name.startswith(f'{split}-'.encode()):
                note = files.read_bytes(files.join(folder, files.os_name(name)))
                shards[name] = json.loads(note)['records']


class _RateColumn(ProgressColumn):
    def render(self, task):
        speed = task.finished_speed or task.speed
        return Text(f'{speed:,.0f} records/s' if speed else '')


class ProgressWatcher:
    """Shows progress in the background, for as long as its context lasts."""

    def __init__(self, output_directory: str, console: Console):
        self._notes = NoteReader(output_directory)
        self._console = console
        self._stop = threading.Event()
        show = self._show_bars if console.is_terminal else self._show_lines
        self._thread = threading.Thread(target=show, name='progress', daemon=True)
        remote = not files.is_local(output_directory)
        self._look_every = _LOOK_EVERY_REMOTE if remote else _LOOK_EVERY

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused_exc_info):
        self._stop.set()
        self._thread.join()

    def _looks(self):
        """Yields after each look into the folder, the last one after the stop."""
        while not self._stop.wait(self._look_every):
            self._notes.look()
            yield
        self._notes.look()
        yield

    def _show_bars(self) -> None:
        columns = (
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as bars:
            tasks = {'': bars.add_task('listing images', total=None)}
            for _ in self._looks():
                for split, total in self._notes.totals.items():
                    if split not in tasks:
                        bars.update(tasks[''], visible=False)
                        tasks[split] = bars.add_task(split, total=total, start=False)
                    done = self._notes.records.get(split, 0)
                    if done and not bars.tasks[tasks[split]].started:
                        bars.start_task(tasks[split])
                    bars.update(tasks[split], completed=done)
            bars.update(tasks[''], visible=False)

    def _show_lines(self) -> None:
        shown_at = started_at = time.monotonic()
        shown: dict[str, int] = {}
        for _ in self._looks():
            now = time.monotonic()
            records = dict(self._notes.records)
            if not self._notes.totals:
                started_at = now
            if now - shown_at < _LINE_EVERY and not self._stop.is_set():
                continue
            if self._stop.is_set() and records == shown:
                continue
            shown_at, shown = now, records
            line = self._line(records, now - started_at)
            self._console.print(line, highlight=False, soft_wrap=True)

    def _line(self, records: dict[str, int], seconds: float) -> str:
        totals = self._notes.totals
        if not totals:
            return 'listing images'
        parts = [
            f'{split} {records.get(split, 0):,} of {total:,} records'
            for split, total in totals.items()
        ]
        done, total = sum(records.values()), sum(totals.values())
        if seconds and done:
            rate = done / seconds
            parts.append(f'{rate:,.0f} records/s')
            if not self._stop.is_set():
                left = time.strftime('%H:%M:%S', time.gmtime((total - done) / rate))
                parts.append(f'{left} left')
        return ', '.join(parts)
