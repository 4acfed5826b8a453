# shellcheck shell=bash disable=SC2034
# Shared by the scripts here; sourced from the workspace's root.

TARGET=${CARGO_TARGET_DIR:-target}
# A Node.js of our own, where the machine's is too old (scripts/setup).
OWN_NODE=e2e/.tools/node/bin/node

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        die "this needs root, and there is no sudo: $*"
    fi
}

# Prints the path of a Chromium, or nothing.
find_chromium() {
    local name
    for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome-stable google-chrome; do
        command -v "$name" && return
    done
    return 0
}
