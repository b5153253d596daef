"""Does with a job what Dataflow's workers do: fetch, install, run. In ``python -I``.

``dataflow_worker.py JOB_JSON FOLDER`` gets the job's description, and takes everything
else from where it was staged. Beam's in-process runner stands in for the service's.
"""

import hashlib
import importlib.util
import json
import pathlib
import subprocess
import sys

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_provision_api_pb2, beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.transforms.environments import EmbeddedPythonEnvironment


def fetch(url: str, sha256: str) -> bytes:
    """Returns the content of a staged file, after checking its digest."""
    with FileSystems.open(url, compression_type='uncompressed') as file:
        content = file.read()
    found = hashlib.sha256(content).hexdigest()
    assert found == sha256, f'{url} has sha256 {found} (expected {sha256})'
    return content


def install(environment: beam_runner_api_pb2.Environment, folder: pathlib.Path) -> None:
    """Fetches the files that the job depends on, and installs its package."""
    for artifact in environment.dependencies:
        assert artifact.type_urn == common_urns.artifact_types.URL.urn
        payload = beam_runner_api_pb2.ArtifactUrlPayload.FromString(artifact.type_payload)
        role = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(
            artifact.role_payload
        )
        (folder / role.staged_name).write_bytes(fetch(payload.url, payload.sha256))
    subprocess.run(
        # No index: dependencies must be installed already, as they are in an image.
        [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-index']
        + ['--no-build-isolation', '--disable-pip-version-check']
        + [folder / 'workflow.tar.gz'],
        check=True,
    )
    for package in ('indexed_imagenet', 'indexed_imagenet.transforms'):
        found = importlib.util.find_spec(package).origin
        assert found.startswith(sys.prefix), f'{found} is not the staged package'


def parse_number(number: str) -> int | float:
    """Returns a number of an option: they travel as a Struct, which has floats only."""
    return int(float(number)) if float(number).is_integer() else float(number)


def main(job_file: str, folder: str) -> None:
    """Runs the job of a description, in a folder of its own."""
    job = json.loads(pathlib.Path(job_file).read_text(), parse_float=parse_number)
    options = job['environment']['sdkPipelineOptions']['options']
    staged = fetch(options['pipelineUrl'], options['pipelineProtoHash'])
    pipeline = beam_runner_api_pb2.Pipeline.FromString(staged)
    embedded = EmbeddedPythonEnvironment.default()
    for environment in pipeline.components.environments.values():
        assert environment.urn == common_urns.environments.DOCKER.urn
        install(environment, pathlib.Path(folder))
        environment.CopyFrom(embedded.to_runner_api(None))
    pipeline_options = PipelineOptions.from_dictionary(options)
    provision_info = beam_provision_api_pb2.ProvisionInfo(
        pipeline_options=JobServiceHandle.encode_pipeline_options(options)
    )
    runner = fn_runner.FnApiRunner(
        provision_info=fn_runner.ExtendedProvisionInfo(provision_info)
    )
    runner.run_via_runner_api(pipeline, pipeline_options).wait_until_finish()


if __name__ == '__main__':
    main(*sys.argv[1:])
