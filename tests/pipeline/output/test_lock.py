import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from indexed_imagenet.errors import UserError
from indexed_imagenet.output import lock
from indexed_imagenet.output.lock import acquire_lock, wait_for_workers
from indexed_imagenet.signals import Interrupt
from support import fake_store

BUCKET = 'store://bucket/out'
LOCK = f'{BUCKET}/.build/lock.json'


class TestLocalLock:
    def test_acquire_lock_second_build_raises_until_first_releases(self, tmp_path):
        with (
            acquire_lock(str(tmp_path), Interrupt()),
            pytest.raises(UserError, match='is being written by another build; wait'),
            acquire_lock(str(tmp_path), Interrupt()),
        ):
            pass
        with acquire_lock(str(tmp_path), Interrupt()):
            pass
        assert os.listdir(tmp_path) == []

    def test_acquire_lock_after_holder_is_killed_succeeds(self, tmp_path):
        code = (
            'import sys, time; from indexed_imagenet.signals import Interrupt; '
            'from indexed_imagenet.output.lock import acquire_lock\n'
            'with acquire_lock(sys.argv[1], Interrupt()):\n'
            '    print("held", flush=True); time.sleep(60)'
        )
        holder = subprocess.Popen(
            [sys.executable, '-c', code, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert holder.stdout.readline() == b'held\n'
        with (
            pytest.raises(UserError, match='another build'),
            acquire_lock(str(tmp_path), Interrupt()),
        ):
            pass
        holder.kill()
        holder.communicate()
        with acquire_lock(str(tmp_path), Interrupt()):
            pass

    def test_wait_for_workers_waits_until_shared_lock_is_closed(
        self, tmp_path, monkeypatch
    ):
        fd = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_SH)
        monkeypatch.setattr(lock, '_WAIT_FOR_WORKERS', 0.2)
        with pytest.raises(UserError, match='workers of a build that was killed still'):
            wait_for_workers(str(tmp_path))
        monkeypatch.setattr(lock, '_WAIT_FOR_WORKERS', 60)
        threading.Timer(0.3, os.close, [fd]).start()
        wait_for_workers(str(tmp_path))


@pytest.fixture
def quick(monkeypatch):
    """Shortens the heartbeat to milliseconds."""
    monkeypatch.setattr(fake_store.StoreFileSystem, 'objects', {})
    monkeypatch.setattr(lock, '_BEAT_EVERY', 0.05)
    monkeypatch.setattr(lock, '_SETTLE', 0.1)
    monkeypatch.setattr(lock, '_STALE_AFTER', 0.5)


def test_acquire_lock_file_system_without_locks_uses_heartbeat(
    quick, tmp_path, monkeypatch
):
    def refuse(*args):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(lock.fcntl, 'flock', refuse)
    with acquire_lock(str(tmp_path), Interrupt()):
        assert (tmp_path / '.build' / 'lock.json').exists()
        with (
            pytest.raises(UserError, match='another build'),
            acquire_lock(str(tmp_path), Interrupt()),
        ):
            pass
        wait_for_workers(str(tmp_path))
    assert not (tmp_path / '.build' / 'lock.json').exists()


@pytest.mark.usefixtures('quick')
class TestStoreLock:
    def test_acquire_lock_second_build_raises_with_process_of_first(self):
        with (
            acquire_lock(BUCKET, Interrupt()),
            pytest.raises(UserError, match=rf'another build \(process {os.getpid()} on '),
            acquire_lock(BUCKET, Interrupt()),
        ):
            pass
        assert fake_store.names(BUCKET) == []
        with acquire_lock(BUCKET, Interrupt()):
            assert fake_store.names(BUCKET) == ['/.build/lock.json']

    def test_acquire_lock_without_heartbeat_takes_stale_lock(self):
        dead = json.dumps({'id': 'x', 'beat': 3, 'holder': 'process 1 on a'}).encode()
        fake_store.StoreFileSystem.objects[LOCK] = dead
        with acquire_lock(BUCKET, Interrupt()):
            assert json.loads(fake_store.StoreFileSystem.objects[LOCK])['id'] != 'x'

    @pytest.mark.parametrize('content', [b'', b'{', b'\xff'])
    def test_acquire_lock_unreadable_lock_takes_it(self, content):
        fake_store.StoreFileSystem.objects[LOCK] = content
        with acquire_lock(BUCKET, Interrupt()):
            pass

    def test_lock_two_takers_last_writer_wins(self, monkeypatch):
        other = json.dumps({'id': 'x', 'beat': 1, 'holder': 'process 1 on b'}).encode()

        def another_writes(seconds):
            fake_store.StoreFileSystem.objects[LOCK] = other

        monkeypatch.setattr(lock.time, 'sleep', another_writes)
        with (
            pytest.raises(UserError, match=r'\(process 1 on b\)'),
            acquire_lock(BUCKET, Interrupt()),
        ):
            pass
        assert fake_store.StoreFileSystem.objects[LOCK] == other

    def test_heartbeat_after_store_error_continues(self, monkeypatch):
        class Unavailable(Exception):
            pass

        failed = threading.Event()
        whole = fake_store.StoreFileSystem.create

        def fail_once(*args, **kwargs):
            if not failed.is_set():
                failed.set()
                raise Unavailable
            return whole(*args, **kwargs)

        with acquire_lock(BUCKET, Interrupt()) as held:
            monkeypatch.setattr(fake_store.StoreFileSystem, 'create', fail_once)
            assert failed.wait(30)
            beat = fake_store.StoreFileSystem.objects[LOCK]
            deadline = time.monotonic() + 30
            while fake_store.StoreFileSystem.objects[LOCK] == beat:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert not held.is_lost

    def test_heartbeat_lock_taken_over_stops_build(self):
        stopped = threading.Event()

        class RecordedInterrupt(Interrupt):
            def stop(self, reason):
                self.reason = reason
                stopped.set()

        interrupt = RecordedInterrupt()
        with acquire_lock(BUCKET, interrupt) as held:
            other = json.dumps({'id': 'x', 'beat': 1, 'holder': 'process 1 on b'})
            fake_store.StoreFileSystem.objects[LOCK] = other.encode()
            assert stopped.wait(30)
            assert held.is_lost
        assert 'was taken over by another build' in interrupt.reason
        assert fake_store.StoreFileSystem.objects[LOCK] == other.encode()
