"""How many workers a process may use: affinity, cgroup quota and memory."""

import shutil

import pytest

from indexed_imagenet.options import parse_options
from indexed_imagenet.runners.local.resources import Resources, read_resources
from indexed_imagenet.runners.select import num_local_workers
from support.commands import ROOT, build_command, python_m, run_elsewhere

GB = 10**9
# "No limit" in a cgroup of version 1: the largest number of whole pages.
NO_LIMIT_V1 = 9223372036854771712


def write(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{content}\n')
    return root


def read(root, allowed=48, machine=48):
    return read_resources(root, lambda: allowed, lambda: machine)


def meminfo(available):
    return {'proc/meminfo': f'MemTotal: 99 kB\nMemAvailable:   {available // 1024} kB\n'}


def test_read_resources_without_proc_and_sys_knows_the_cores_alone(tmp_path):
    assert read(tmp_path, allowed=4) == Resources(48, 4, None, None)
    assert read(tmp_path, allowed=4).workers == 4
    assert read_resources(tmp_path, lambda: 3, lambda: None).machine_cores == 3


def test_read_resources_of_this_machine_allows_a_worker():
    assert read_resources().workers >= 1


@pytest.mark.parametrize(
    ('cpu_max', 'quota', 'cores'),
    [
        ('max 100000', None, 48),
        ('200000 100000', 2.0, 2),
        ('150000 100000', 1.5, 2),
        ('10000 100000', 0.1, 1),
        ('9900000 100000', 99.0, 48),
        ('nonsense', None, 48),
    ],
)
def test_read_resources_cgroup_2_quota_is_rounded_up(tmp_path, cpu_max, quota, cores):
    write(tmp_path, {'proc/self/cgroup': '0::/job', 'sys/fs/cgroup/job/cpu.max': cpu_max})
    resources = read(tmp_path)
    assert (resources.quota, resources.cores) == (quota, cores)


def test_read_resources_cgroup_2_lowest_limit_of_all_levels_counts(tmp_path):
    write(
        tmp_path,
        {
            'proc/self/cgroup': '0::/slurm/job_1/step_0',
            'sys/fs/cgroup/slurm/cpu.max': 'max 100000',
            'sys/fs/cgroup/slurm/job_1/cpu.max': '300000 100000',
            'sys/fs/cgroup/slurm/job_1/step_0/cpu.max': '800000 100000',
            'sys/fs/cgroup/slurm/job_1/memory.max': 8 * GB,
            'sys/fs/cgroup/slurm/job_1/memory.current': 3 * GB,
            'sys/fs/cgroup/slurm/job_1/step_0/memory.max': 'max',
            'sys/fs/cgroup/slurm/job_1/step_0/memory.current': 3 * GB,
            **meminfo(200 * GB),
        },
    )
    resources = read(tmp_path)
    assert (resources.quota, resources.memory) == (3.0, 5 * GB)
    assert resources.workers == 3


def test_read_resources_in_a_container_its_topmost_folder_counts(tmp_path):
    # Without a cgroup namespace the path is the host's, and missing in the container.
    write(
        tmp_path,
        {
            'proc/self/cgroup': '0::/docker/abc',
            'sys/fs/cgroup/cpu.max': '400000 100000',
        },
    )
    assert read(tmp_path).cores == 4


@pytest.mark.parametrize('mount', ['cpu', 'cpu,cpuacct'])
def test_read_resources_cgroup_1_quota_and_memory(tmp_path, mount):
    write(
        tmp_path,
        {
            'proc/self/cgroup': '4:memory:/job\n2:cpu,cpuacct:/job\n1:name=systemd:/\n',
            f'sys/fs/cgroup/{mount}/job/cpu.cfs_quota_us': 250000,
            f'sys/fs/cgroup/{mount}/job/cpu.cfs_period_us': 100000,
            f'sys/fs/cgroup/{mount}/cpu.cfs_quota_us': -1,
            f'sys/fs/cgroup/{mount}/cpu.cfs_period_us': 100000,
            'sys/fs/cgroup/memory/job/memory.limit_in_bytes': 4 * GB,
            'sys/fs/cgroup/memory/job/memory.usage_in_bytes': 3 * GB,
            'sys/fs/cgroup/memory/job/memory.stat': f'cache 1\ntotal_inactive_file {GB}',
            'sys/fs/cgroup/memory/memory.limit_in_bytes': NO_LIMIT_V1,
            'sys/fs/cgroup/memory/memory.usage_in_bytes': 90 * GB,
            **meminfo(200 * GB),
        },
    )
    resources = read(tmp_path)
    assert (resources.quota, resources.memory) == (2.5, 2 * GB)
    assert (resources.cores, resources.workers) == (3, 2)


def test_read_resources_cached_files_count_as_free_memory(tmp_path):
    # After 100 GB of images were read, the cache fills all of a cgroup's memory.
    write(
        tmp_path,
        {
            'proc/self/cgroup': '0::/',
            'sys/fs/cgroup/memory.max': 8 * GB,
            'sys/fs/cgroup/memory.current': 8 * GB,
            'sys/fs/cgroup/memory.stat': f'anon 5\ninactive_file {6 * GB}\nslab 7',
        },
    )
    assert read(tmp_path).memory == 6 * GB


@pytest.mark.parametrize(
    ('available', 'workers'), [(100 * GB, 48), (8 * GB, 11), (2 * GB, 2), (GB // 10, 1)]
)
def test_workers_are_bounded_by_available_memory(tmp_path, available, workers):
    assert read(write(tmp_path, meminfo(available))).workers == workers


@pytest.mark.parametrize(
    ('resources', 'line'),
    [
        (Resources(2, 2, None, None), None),
        (Resources(2, 2, None, 9 * GB), None),
        (
            Resources(48, 1, None, 9 * GB),
            'using 1 worker on a machine of 48 cores: this process may run on 1 core; '
            '--direct_num_workers=N starts N',
        ),
        (
            Resources(48, 48, 1.5, 9 * GB),
            "using 2 workers on a machine of 48 cores: its cgroup's CPU quota is 1.5; "
            '--direct_num_workers=N starts N',
        ),
        (
            Resources(48, 24, None, 3 * GB),
            'using 4 workers on a machine of 48 cores: 3.0 GB of memory are free, and a '
            'worker may need 0.7 GB; --direct_num_workers=N starts N',
        ),
    ],
)
def test_explain_names_what_bounds_the_workers(resources, line):
    assert resources.explain() == line


@pytest.mark.parametrize(
    ('argv', 'workers'),
    [
        ([], 3),
        (['--direct_num_workers=0'], 3),
        (['--direct_num_workers=1'], 1),
        (['--direct_num_workers=9'], 9),
    ],
)
def test_num_local_workers_given_is_obeyed(argv, workers):
    resources = Resources(48, 3, None, None)
    assert num_local_workers(parse_options(argv), argv, resources) == workers


@pytest.mark.skipif(not shutil.which('taskset'), reason='needs taskset')
@pytest.mark.parametrize('given', [[], ['--direct_num_workers=2']])
def test_build_on_one_allowed_core_says_so_unless_told_how_many(golden, tmp_path, given):
    command = python_m(*build_command(golden, tmp_path / 'out'), *given)
    ended = run_elsewhere(['taskset', '-c', '0', *command], ROOT)
    assert ended.status == 0, ended.err
    machine = read_resources().machine_cores
    if machine == 1:
        pytest.skip('needs a second core')
    said = f'note: using 1 worker on a machine of {machine} cores: '
    assert (said in ended.err) is (not given)
