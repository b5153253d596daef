#!/usr/bin/env bash
# Sets itself up and runs a command on this machine.
#
#   ./run_local.sh                    a small sample: made, built, checked
#   ./run_local.sh --FLAG=VALUE …     build
#   ./run_local.sh COMMAND …          that command; COMMAND --help tells its flags
#
# What gs:// and s3:// URLs need is installed when there is one among the flags.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$root/pipeline/venv.sh"
extras=
case "$*" in *gs://*) extras+=,gcp ;; esac
case "$*" in *s3://*) extras+=,aws ;; esac
ensure_venv "$root" "${extras:+[${extras#,}]}"
command=$venv/bin/indexed-imagenet

say_and_run() {
  echo "\$ indexed-imagenet $*" >&2
  "$command" "$@"
}

case ${1-} in
  '')
    say_and_run sample --directory=sample
    say_and_run build \
      --train_directory=sample/train --validation_directory=sample/validation \
      --imagenet_index_file=sample/imagenet_index.npz \
      --output_directory=sample-tfrecords --train_shards=8 --validation_shards=2
    say_and_run sample --directory=sample --check=sample-tfrecords
    ;;
  -*) exec "$command" build "$@" ;;
  *) exec "$command" "$@" ;;
esac
