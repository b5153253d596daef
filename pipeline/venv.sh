# Sets up the virtual environment once; sourced by the scripts that need it.

# A closed stream becomes the null device, or messages to it would end the script.
(: <&0) 2>/dev/null || exec </dev/null
(: >&1) 2>/dev/null || exec >/dev/null
(: >&2) || exec 2>/dev/null

# These would make our Python load a stranger's modules, or not start at all.
unset PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONWARNINGS PYTHONINSPECT
unset __PYVENV_LAUNCHER__

# say TEXT…: prints a line to stderr; in a subshell, as its reader may be gone.
say() {
  (printf '%s\n' "$*" >&2) || true
}

# fail TEXT…: prints an error, behind it the log of what failed, and exits.
fail() {
  say "error: $*"
  if [ -s "${log-}" ]; then
    (sed 's/^/  /' "$log" >&2) || true
  fi
  exit 2
}

# install_with_pip ARGUMENT…: runs pip in the environment. Of the user's settings only
# those count that say where packages come from: others may name another place to
# install into, or leave something out.
install_with_pip() (
  for name in ${!PIP_*}; do
    case ${name#PIP_} in
      INDEX_URL | EXTRA_INDEX_URL | FIND_LINKS | NO_INDEX | CONFIG_FILE) ;;
      TRUSTED_HOST | CERT | CLIENT_CERT | PROXY | KEYRING_PROVIDER) ;;
      CACHE_DIR | NO_CACHE_DIR | TIMEOUT | DEFAULT_TIMEOUT | RETRIES) ;;
      *) unset "$name" ;;
    esac
  done
  export PIP_USER=0 # counts more than a pip.conf
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
)

# explain_pip: says why pip failed, by its log.
explain_pip() {
  local again='then run the same command again; pip says:' cause
  rm -f "$mark" # pip has tidied up
  cause=$(grep -oE -m1 'Temporary failure in name resolution|Name or service not known|nodename nor servname|Network is unreachable|No route to host|Connection refused|Connection reset|Cannot connect to proxy|CERTIFICATE_VERIFY_FAILED|timed out' "$log" | head -n 1) || true
  if [ -n "$cause" ]; then
    fail "pip cannot reach its package index ($cause); check the network and" \
      "https_proxy, or give a mirror with PIP_INDEX_URL, $again"
  fi
  cause=$(grep -oE -m1 'No space left on device|Disk quota exceeded' "$log" | head -n 1) || true
  if [ -n "$cause" ]; then
    fail "$venv cannot be set up: $cause (expected 3 GB there, and some in" \
      "${TMPDIR:-/tmp}); free some, $again"
  fi
  cause=$(grep '^ERROR: ' "$log" | tail -n 1) || true
  fail "$venv cannot be set up: ${cause#ERROR: }; correct that, $again"
}

# create_venv PYTHON: makes an environment with nothing in it but pip.
create_venv() {
  if ! "$1" -c 'import ensurepip, venv' 2>/dev/null; then
    fail "$1 has no venv module; install it (python3-venv on Debian and Ubuntu), or" \
      "choose another Python with PYTHON=/path/to/python"
  fi
  find "$venv" -mindepth 1 -maxdepth 1 ! -name installing -exec rm -rf {} +
  log=$venv/installing.log
  if ! "$1" -m venv "$venv" >|"$log" 2>&1; then
    fail "$1 cannot create $venv: $(tail -n 1 "$log"); its output:"
  fi
}

# ensure_venv ROOT EXTRAS: creates or reuses ROOT/.venv with this project and its
# extras (such as "[test]", or nothing), and sets $venv. Runs pip only if setup.py,
# the constraints or the path of the checkout have changed.
ensure_venv() {
  local root=$1 extras=$2 python=${PYTHON:-python3} stamp wanted mark other log=
  venv=$root/.venv
  stamp=$venv/installed$extras
  mark=$venv/installing # holds the process that installs, or was interrupted
  wanted=$({ echo "$root"; cat "$root/setup.py" "$root/tests/constraints.txt"; } | cksum)
  if [ -x "$venv/bin/python" ] && [ ! -e "$mark" ] && [ -f "$stamp" ] &&
    [ "$(cat "$stamp")" = "$wanted" ]; then
    return
  fi
  if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    fail "$python is $("$python" --version 2>/dev/null || echo missing) (expected" \
      "Python 3.11 to 3.13); choose another with PYTHON=/path/to/python"
  fi
  if ! other=$(LC_ALL=C mkdir -p "$venv" 2>&1); then
    fail "$venv cannot be created: ${other##*: }; put the checkout into a folder that" \
      "you can write"
  fi
  for other in "$root" "$venv"; do # an editable install writes into both
    [ -w "$other" ] || fail "$other cannot be written; put the checkout into a folder" \
      "that you can write"
  done
  other=$(cat "$mark" 2>/dev/null) || true
  if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then
    fail "process $other is setting up $venv; wait for its end"
  fi
  say "setting up $venv (only once, takes a minute or two)"
  trap 'say "stopped; run the same command again"; exit 130' INT
  if [ -n "$other" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    echo $$ >|"$mark"
    create_venv "$python"
  fi
  echo $$ >|"$mark"
  log=$venv/installing.log
  install_with_pip --constraint "$root/tests/constraints.txt" \
    --editable "$root$extras" >|"$log" 2>&1 || explain_pip
  if [ ! -x "$venv/bin/indexed-imagenet" ]; then
    fail "pip did not install into $venv; drop target, prefix and root from its" \
      "settings (pip config list), or set PIP_CONFIG_FILE=/dev/null"
  fi
  trap - INT
  echo "$wanted" >|"$stamp"
  rm -f "$mark" "$log"
}
