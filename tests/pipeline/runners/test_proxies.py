"""A proxy in the environment, as on most company and university machines."""

import urllib.request

import pytest
import requests

from indexed_imagenet.errors import UserError
from indexed_imagenet.runners.flink.rest import call_rest
from indexed_imagenet.runners.proxies import bypass_proxies_on_loopback
from support.commands import ROOT, build_command, python_m, run_elsewhere

# Nothing answers on port 9.
_DEAD = 'http://127.0.0.1:9'
_LOOPBACK = 'localhost,127.0.0.1,::1'


def bypassed(**environment):
    bypass_proxies_on_loopback(environment)
    return environment


def test_bypass_without_a_proxy_changes_nothing():
    assert bypassed(no_proxy='a', PATH='/bin') == {'no_proxy': 'a', 'PATH': '/bin'}
    assert bypassed(http_proxy='') == {'http_proxy': ''}


@pytest.mark.parametrize(
    'proxy', ['grpc_proxy', 'http_proxy', 'https_proxy', 'all_proxy', 'HTTPS_PROXY']
)
def test_bypass_any_proxy_exempts_loopback(proxy):
    assert bypassed(**{proxy: _DEAD}) == {
        proxy: _DEAD,
        'no_grpc_proxy': _LOOPBACK,
        'no_proxy': _LOOPBACK,
    }


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (
            {'no_proxy': '.example.com, localhost'},
            {
                'no_proxy': '.example.com,localhost,127.0.0.1,::1',
                'no_grpc_proxy': '.example.com,localhost,127.0.0.1,::1',
            },
        ),
        (
            {'NO_PROXY': 'a'},
            {
                'NO_PROXY': f'a,{_LOOPBACK}',
                'no_proxy': f'a,{_LOOPBACK}',
                'no_grpc_proxy': f'a,{_LOOPBACK}',
            },
        ),
        (
            {'no_proxy': 'a', 'NO_PROXY': 'b', 'no_grpc_proxy': 'c'},
            {
                'no_proxy': f'a,{_LOOPBACK}',
                'NO_PROXY': f'b,{_LOOPBACK}',
                'no_grpc_proxy': f'c,{_LOOPBACK}',
            },
        ),
        # "*" is only understood alone, and not by gRPC.
        (
            {'no_proxy': '*', 'NO_PROXY': '*'},
            {'no_proxy': '*', 'NO_PROXY': '*', 'no_grpc_proxy': f'*,{_LOOPBACK}'},
        ),
    ],
)
def test_bypass_keeps_the_hosts_that_are_exempt_already(given, expected):
    assert bypassed(http_proxy=_DEAD, **given) == {'http_proxy': _DEAD, **expected}


def test_bypass_twice_is_the_same():
    once = bypassed(http_proxy=_DEAD, no_proxy='a')
    assert bypassed(**once) == once


def test_http_clients_after_bypass_reach_localhost_directly_and_others_by_proxy(
    monkeypatch,
):
    for name in ('no_proxy', 'NO_PROXY', 'no_grpc_proxy', 'http_proxy'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('http_proxy', _DEAD)
    monkeypatch.setenv('no_proxy', '')  # monkeypatch restores what it has set
    monkeypatch.setenv('no_grpc_proxy', '')
    bypass_proxies_on_loopback()
    for host in ('localhost:8081', '127.0.0.1:8081'):
        assert urllib.request.proxy_bypass(host)
        assert requests.utils.get_environ_proxies(f'http://{host}/overview') == {}
    assert not urllib.request.proxy_bypass('storage.googleapis.com')
    found = requests.utils.get_environ_proxies('http://repo1.maven.org/')
    assert found['http'] == _DEAD


def test_call_rest_proxy_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setenv('http_proxy', _DEAD)
    monkeypatch.setenv('no_proxy', 'localhost')
    with pytest.raises(UserError) as raised:
        call_rest('http://flink.example:8081', '/overview')
    assert str(raised.value) == (
        '--flink_master http://flink.example:8081 cannot be reached through the proxy '
        'that the environment names: Connection refused; add its host to no_proxy'
    )


def test_build_and_verify_behind_a_dead_proxy_succeed(golden, tmp_path):
    # Without the bypass, two workers wait two minutes for the proxy, then the job fails.
    proxies = dict.fromkeys(('http_proxy', 'https_proxy', 'grpc_proxy'), _DEAD)
    out = tmp_path / 'out'
    workers = '--direct_num_workers=2'
    ended = run_elsewhere(
        python_m(*build_command(golden, out), workers), ROOT, **proxies, no_proxy='*'
    )
    assert ended.status == 0, ended.err
    ended = run_elsewhere(python_m('verify', out, workers), ROOT, **proxies, no_proxy='')
    assert ended.status == 0, ended.err
