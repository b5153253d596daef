"""Kills, signals, full and read-only disks: one plain line; the next run completes."""

import os
import pathlib
import shlex
import signal
import subprocess
import time

import numpy as np
import pytest

from indexed_imagenet.runners.local.processes import explain_exit
from indexed_imagenet.sample import pictures
from stress import kill_and_resume
from support.commands import ROOT, build_command, digests, python_m, run_elsewhere
from support.stress import child_processes

SHARDS = 60


@pytest.fixture(scope='module')
def pngs(tmp_path_factory) -> pathlib.Path:
    """A tree of PNGs: converting them takes long enough for a kill."""
    tree = tmp_path_factory.mktemp('pngs')
    folder = tree / 'train' / 'n01440764'
    folder.mkdir(parents=True)
    names = [f'n01440764_{i}.JPEG' for i in range(360)]
    pixels = pictures.make_pixels(0)
    (folder / names[0]).write_bytes(pictures.encode_png(pixels))
    for name in names[1:]:
        os.link(folder / names[0], folder / name)
    labels = np.zeros(len(names), int)
    np.savez(tree / 'index.npz', tr_filenames=np.array(names), tr_labels=labels)
    return tree


def command(tree, output, workers=2) -> list[str]:
    return python_m(
        'build',
        f'--train_directory={tree}/train',
        f'--imagenet_index_file={tree}/index.npz',
        f'--output_directory={output}',
        f'--train_shards={SHARDS}',
        f'--direct_num_workers={workers}',
    )


@pytest.fixture(scope='module')
def expected(pngs, tmp_path_factory) -> pathlib.Path:
    """An undisturbed build of the PNGs."""
    output = tmp_path_factory.mktemp('expected') / 'out'
    ended = run_elsewhere(command(pngs, output), ROOT)
    assert ended.status == 0, ended.err
    return output


def reset_signals() -> None:
    """Resets signals in a new process, so that tests may run in the background.

    There, shells ignore SIGINT and nohup ignores SIGHUP, and children inherit that.
    """
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)


class Killed:
    """A build that is stopped by a signal after its first shards."""

    def __init__(self, tree, output, signum, workers, again=()):
        self.process = subprocess.Popen(
            command(tree, output, workers),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=reset_signals,
        )
        kill_and_resume.wait_until(
            lambda: len(list(output.glob('train-*-of-*'))) > 2, self.process
        )
        self.workers = child_processes(self.process.pid)
        os.kill(self.process.pid, signum)
        for pause in again:
            time.sleep(pause)
            if self.process.poll() is None:
                os.kill(self.process.pid, signum)
        _, self.err = self.process.communicate(timeout=60)


@pytest.mark.parametrize(
    ('victim', 'committed', 'after'),
    [
        (kill_and_resume.WORKER, 1, 0.5),
        (kill_and_resume.LAUNCHER, 1, 0.5),
        (kill_and_resume.WORKER, 0, 0.1),
    ],
)
def test_build_killed_then_resumed_has_same_bytes(
    pngs, expected, tmp_path, victim, committed, after
):
    output = tmp_path / 'out'
    result = kill_and_resume.kill_and_resume(
        command(pngs, output), output, expected, victim, committed, after
    )
    assert result.faults == []
    if committed:
        assert 0 < result.finished < SHARDS
    if victim == kill_and_resume.WORKER:
        assert 'most likely because memory ran out' in result.error
        assert '--direct_num_workers' in result.error


@pytest.mark.parametrize(
    ('signum', 'workers'),
    [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1), (signal.SIGHUP, 2)],
)
def test_build_signal_stops_it_and_prints_how_to_resume(
    pngs, expected, tmp_path, signum, workers
):
    output = tmp_path / 'out'
    killed = Killed(pngs, output, signum, workers)
    assert killed.process.returncode == 128 + signum, killed.err
    assert 'Traceback' not in killed.err
    assert not any(os.path.exists(f'/proc/{pid}') for pid in killed.workers)
    assert not list((output / '.build').glob('*.tmp'))
    done = len(list(output.glob('train-*')))
    assert 2 < done < SHARDS
    message = killed.err.splitlines()[-1]
    assert message.startswith('stopped; finished shards are kept. To resume: ')
    if signum == signal.SIGINT and workers == 2:
        ended = run_elsewhere(['sh', '-c', message.partition('To resume: ')[2]], ROOT)
        assert ended.status == 0, ended.err
        assert f'{SHARDS} ({done} kept)' in ended.out
        assert digests(output) == digests(expected)


@pytest.mark.parametrize(
    ('signum', 'workers', 'pause'),
    [(signal.SIGINT, 2, 0.02), (signal.SIGTERM, 2, 0.1), (signal.SIGINT, 1, 0.05)],
)
def test_build_repeated_signals_leave_no_workers_or_files(
    pngs, tmp_path, signum, workers, pause
):
    output = tmp_path / 'out'
    killed = Killed(pngs, output, signum, workers, again=[pause] * 5)
    assert killed.process.returncode == 128 + signum, killed.err
    assert 'Traceback' not in killed.err
    assert not any(os.path.exists(f'/proc/{pid}') for pid in killed.workers)
    assert not list((output / '.build').glob('*.tmp'))


@pytest.mark.parametrize('signum', [signal.SIGINT, signal.SIGTERM])
def test_build_signal_to_starting_workers_stops_it(pngs, tmp_path, signum):
    build = subprocess.Popen(
        command(pngs, tmp_path / 'out'),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=reset_signals,
    )
    kill_and_resume.wait_until(lambda: child_processes(build.pid), build)
    os.killpg(build.pid, signum)
    _, err = build.communicate(timeout=60)
    assert build.returncode == 128 + signum, err
    assert 'Traceback' not in err


def test_workers_launcher_killed_end_too(pngs, tmp_path):
    killed = Killed(pngs, tmp_path / 'out', signal.SIGKILL, 2)
    assert len(killed.workers) == 2
    deadline = time.monotonic() + 20
    while any(os.path.exists(f'/proc/{pid}') for pid in killed.workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ('status', 'expected'),
    [
        (-signal.SIGKILL, 'was killed by SIGKILL, most likely because memory ran out; '),
        (-signal.SIGSEGV, 'was terminated by SIGSEGV, a fault in native code. '),
        (-signal.SIGTERM, 'was terminated by SIGTERM from outside. '),
        (3, 'exited with status 3. '),
    ],
)
def test_explain_exit_names_signal_and_cause(status, expected):
    line = explain_exit(2, 4711, status)
    assert line.startswith(f'worker 2 (pid 4711) {expected}')
    assert 'Finished shards are kept: run the same command again' in line
    assert line.endswith("(--verbose shows the worker's log)") == (
        status not in (-signal.SIGKILL, -signal.SIGTERM)
    )


def mount(options: str, script: str, tmp_path) -> list[str]:
    """Returns a command that runs a script with a private tmpfs at ``tmp_path/disk``."""
    (tmp_path / 'disk').mkdir()
    prepared = f'mount -t tmpfs -o {options} none {tmp_path}/disk && {script}'
    argv = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', prepared]
    probe = subprocess.run([*argv[:-1], prepared.partition(' && ')[0]], check=False)
    if probe.returncode:
        pytest.skip('no file system can be mounted here (unshare --user --mount)')
    return argv


def shell(words) -> str:
    return shlex.join(map(str, words))


@pytest.mark.parametrize('workers', [1, 2])
def test_build_full_disk_resumes_with_more_space(golden, tmp_path, workers):
    """The disk fills up; with more space the same command completes."""
    build = build_command(golden, tmp_path / 'disk' / 'out')
    build = shell(python_m(*build, f'--direct_num_workers={workers}'))
    script = (
        f'{build}; echo "status $?"; ls -A {tmp_path}/disk/out/.build; '
        f'mount -o remount,size=4m {tmp_path}/disk; {build}; echo "status $?"; '
        f'cp -r {tmp_path}/disk/out {tmp_path}/kept'
    )
    ended = run_elsewhere(mount('size=500k', script, tmp_path), ROOT)
    errors = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1, ended.err
    assert 'No space left on device' in errors[0]
    assert 'free space in --output_directory, then run the same command' in errors[0]
    assert 'Traceback' not in ended.err
    assert '.tmp' not in ended.out
    states = [line for line in ended.out.splitlines() if line.startswith('status')]
    assert states == ['status 1', 'status 0']
    complete = run_elsewhere(python_m(*build_command(golden, tmp_path / 'whole')), ROOT)
    assert complete.status == 0
    assert digests(tmp_path / 'kept') == digests(tmp_path / 'whole')


def without_override() -> list[str]:
    """Returns a prefix for commands that makes file modes apply even to root."""
    if os.geteuid():
        return []
    names = '-dac_override,-dac_read_search'
    return ['setpriv', f'--bounding-set={names}', f'--inh-caps={names}']


def test_build_directory_made_read_only_resumes_when_writable(pngs, expected, tmp_path):
    output = tmp_path / 'out'
    build = subprocess.Popen(
        [*without_override(), *command(pngs, output)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    kill_and_resume.wait_until(lambda: list(output.glob('train-*')), build)
    folders = [output / '.build' / 'train', output / '.build', output]
    for folder in folders:
        folder.chmod(0o555)
    _, err = build.communicate(timeout=120)
    assert build.returncode == 1, err
    [line] = [x for x in err.splitlines() if x.startswith('error: ')]
    assert 'Permission denied' in line
    assert 'make --output_directory writable, then run the same command again' in line
    assert 'Traceback' not in err

    again = [*without_override(), *command(pngs, output)]
    ended = run_elsewhere(again, ROOT)
    assert ended.status == 2
    assert f'--output_directory {output} cannot be written: Permission' in ended.err

    for folder in folders:
        folder.chmod(0o755)
    ended = run_elsewhere(again, ROOT)
    assert ended.status == 0, ended.err
    assert digests(output) == digests(expected)


def test_build_image_deleted_after_listing_is_rejected(build, tree, monkeypatch):
    from indexed_imagenet.transforms import join_index

    gone = tree / 'train' / 'n01739381' / 'n01739381_1309.JPEG'
    data = gone.read_bytes()
    whole = join_index.join_refs

    def join_and_delete(refs, *args):
        if gone.name.encode() in refs.names:
            gone.unlink()
        return whole(refs, *args)

    monkeypatch.setattr(join_index, 'join_refs', join_and_delete)
    ended = build()
    assert ended.status == 1
    assert f'{gone} (index 19): cannot be read: No such file or directory' in ended.err
    monkeypatch.undo()
    gone.write_bytes(data)
    assert build().status == 0


def test_build_second_at_once_is_refused(pngs, expected, tmp_path):
    """The second is refused at once; the first completes."""
    output = tmp_path / 'out'
    first = subprocess.Popen(
        command(pngs, output), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    kill_and_resume.wait_until(lambda: list(output.glob('train-*')), first)
    second = run_elsewhere(command(pngs, output), ROOT)
    assert first.poll() is None
    assert second.status == 2
    assert 'is being written by another build' in second.err
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert digests(output) == digests(expected)


def test_build_unknown_files_in_staging_are_kept(build, tmp_path):
    folder = tmp_path / 'out' / '.build'
    (folder / 'x86_64' / 'debug').mkdir(parents=True)
    for name in ('mine.tmp', 'x86_64/debug/app'):
        (folder / name).touch()
    assert build().status == 0
    left = {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}
    assert left == {'mine.tmp', 'x86_64/debug/app'}
