#!/usr/bin/env bash
# Sets itself up, checks style, types and the import graph, and runs the tests;
# arguments go to pytest.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/pipeline/venv.sh"
ensure_venv "$root" "[test]"
cd "$root"
"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check --quiet .
tests/link_types.sh
"$venv/bin/mypy"
PYTHONPATH=build/types "$venv/bin/lint-imports" --no-logo
exec "$venv/bin/python" -m pytest "$@"
