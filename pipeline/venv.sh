# Sourced by the scripts that need the virtual environment; sets it up once.

# ensure_venv ROOT EXTRAS: makes or reuses ROOT/.venv with this project and its
# extras (such as "[test]", or nothing), and sets $venv. pip runs only when
# setup.py, the constraints or the place of the checkout have changed.
ensure_venv() {
  local root=$1 extras=$2 python=${PYTHON:-python3} stamp wanted
  venv=$root/.venv
  stamp=$venv/installed$extras
  wanted=$({ echo "$root"; cat "$root/setup.py" "$root/tests/constraints.txt"; } | cksum)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    return
  fi
  if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    echo "error: $python is $("$python" --version 2>/dev/null || echo not there), expected" \
      "Python 3.11 to 3.13; name another with PYTHON=/path/to/python" >&2
    exit 2
  fi
  echo "setting up $venv (once, a minute or two)" >&2
  trap 'echo "stopped; the same command starts again" >&2; exit 130' INT
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    if ! "$python" -m venv --clear "$venv"; then
      echo "error: $python cannot make $venv; install its venv module" \
        "(python3-venv on Debian and Ubuntu)" >&2
      exit 2
    fi
  fi
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$root/tests/constraints.txt" --editable "$root$extras"
  trap - INT
  echo "$wanted" >"$stamp"
}
