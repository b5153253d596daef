#!/usr/bin/env bash
# Sets itself up, checks style, types and the import graph, and runs the tests;
# arguments go to pytest. Two processes run the tests; -n 0 gives up the second.
# The last lines say which tests were skipped, and why (-rs).
set -euo pipefail

# The checkout, also if this script is called by a link to it.
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do
  link=$(readlink "$script")
  case $link in /*) script=$link ;; *) script=$(dirname "$script")/$link ;; esac
done
root=$(CDPATH= cd -P -- "$(dirname -- "$script")/.." && pwd)
source "$root/pipeline/venv.sh"
ensure_venv "$root" "[test]"
cd "$root"
"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check --quiet .
tests/link_types.sh
"$venv/bin/mypy"
PYTHONPATH=build/types "$venv/bin/lint-imports" --no-logo
exec "$venv/bin/python" -m pytest -rs -n 2 --dist loadgroup "$@"
