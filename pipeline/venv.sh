# Sets up the virtual environment once; sourced by the scripts that need it.

# ensure_venv ROOT EXTRAS: creates or reuses ROOT/.venv with this project and its
# extras (such as "[test]", or nothing), and sets $venv. Runs pip only if setup.py,
# the constraints or the path of the checkout have changed.
ensure_venv() {
  local root=$1 extras=$2 python=${PYTHON:-python3} stamp wanted
  venv=$root/.venv
  stamp=$venv/installed$extras
  wanted=$({ echo "$root"; cat "$root/setup.py" "$root/tests/constraints.txt"; } | cksum)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    return
  fi
  if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    echo "error: $python is $("$python" --version 2>/dev/null || echo missing) (expected" \
      "Python 3.11 to 3.13); choose another with PYTHON=/path/to/python" >&2
    exit 2
  fi
  echo "setting up $venv (only once, takes a minute or two)" >&2
  trap 'echo "stopped; run the same command again" >&2; exit 130' INT
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    if ! "$python" -m venv --clear "$venv"; then
      echo "error: $python cannot create $venv; install its venv module" \
        "(python3-venv on Debian and Ubuntu)" >&2
      exit 2
    fi
  fi
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$root/tests/constraints.txt" --editable "$root$extras"
  trap - INT
  echo "$wanted" >"$stamp"
}
