#!/usr/bin/env bash
# Runs a command on this machine; sets up its own Python environment first.
#
#   ./run_local.sh                    make, build and check a small sample
#   ./run_local.sh --FLAG=VALUE …     build
#   ./run_local.sh COMMAND …          any command; "help COMMAND" shows its flags
#
# Installs the client libraries for gs:// and s3:// URLs if a flag has one, and what
# pages need for show and report.
set -euo pipefail

# The checkout, also if this script is called by a link to it.
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do
  link=$(readlink "$script")
  case $link in /*) script=$link ;; *) script=$(dirname "$script")/$link ;; esac
done
root=$(CDPATH= cd -P -- "$(dirname -- "$script")" && pwd)
source "$root/pipeline/venv.sh"
extras=
case "$*" in *gs://*) extras+=,gcp ;; esac
case "$*" in *s3://*) extras+=,aws ;; esac
case ${1-} in show | report) extras+=,show ;; esac
ensure_venv "$root" "${extras:+[${extras#,}]}"
command=$venv/bin/indexed-imagenet

print_and_run() {
  say "\$ indexed-imagenet $*"
  "$command" "$@"
}

case ${1-} in
  '')
    print_and_run sample --directory=sample
    print_and_run build \
      --train_directory=sample/train --validation_directory=sample/validation \
      --imagenet_index_file=sample/imagenet_index.npz \
      --output_directory=sample-tfrecords --train_shards=8 --validation_shards=2
    print_and_run sample --directory=sample --check=sample-tfrecords
    ;;
  --version) exec "$command" "$@" ;;
  -*) exec "$command" build "$@" ;;
  *) exec "$command" "$@" ;;
esac
