#!/usr/bin/env bash
# Sets itself up and runs a command on this machine.
#
#   ./run_local.sh                    a small sample: made, built, checked
#   ./run_local.sh --FLAG=VALUE …     build
#   ./run_local.sh COMMAND …          that command; COMMAND --help tells its flags
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$root/pipeline/venv.sh"
ensure_venv "$root" ""
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
