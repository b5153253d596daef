#!/usr/bin/env bash
# Sets itself up and runs the tests; arguments go to pytest.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/pipeline/venv.sh"
ensure_venv "$root" "[test]"
cd "$root"
"$venv/bin/ruff" check .
exec "$venv/bin/python" -m pytest "$@"
