#!/usr/bin/env bash
# Submits a build to Google Cloud Dataflow; sets up its own Python environment first.
#
#   ./run_dataflow.sh --project=P --region=R --temp_location=gs://BUCKET/tmp \
#     --train_directory=gs://… --imagenet_index_file=gs://… --output_directory=gs://…
#   ./run_dataflow.sh COMMAND …       any command; "help COMMAND" shows its flags
set -euo pipefail

# The checkout, also if this script is called by a link to it.
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do
  link=$(readlink "$script")
  case $link in /*) script=$link ;; *) script=$(dirname "$script")/$link ;; esac
done
root=$(CDPATH= cd -P -- "$(dirname -- "$script")" && pwd)
if [ $# -eq 0 ]; then
  sed -n '2,/^set/s/^# \{0,1\}//p' "$root/run_dataflow.sh" >&2
  exit 2
fi
source "$root/pipeline/venv.sh"
ensure_venv "$root" "[gcp]"
command=$venv/bin/indexed-imagenet

case $1 in
  --version) ;;
  -*) set -- build "$@" ;;
esac
if [ "$1" = build ]; then
  shift
  exec "$command" build --runner=DataflowRunner "$@"
fi
exec "$command" "$@"
