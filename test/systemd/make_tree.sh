#!/usr/bin/env bash
# Make the tree in which test/e2e/test_systemd.py boots a systemd of its own: a small Debian or Ubuntu, of this machine's
# release and from the mirror that this machine's apt uses.
#   test/systemd/make_tree.sh [SUITE]      prints the tree's path; takes a minute or two the first time, as root
# It lies in $HEMS_TREE if that is set, else in ~/.cache; nothing in it is changed afterwards, tests work on copies.
set -euo pipefail

packages=systemd,systemd-sysv,dbus,python3,python3-venv,git,ca-certificates

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# install_tools: what boots a tree, from apt where it is missing.
install_tools() {
    local missing=()
    command -v debootstrap >/dev/null 2>&1 || missing+=(debootstrap)
    command -v systemd-nspawn >/dev/null 2>&1 || missing+=(systemd-container)
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 || fail "${missing[*]} missing, and no apt-get to install it with"
    say "installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2 \
        || { apt-get update >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2; } \
        || fail "${missing[*]} could not be installed"
}

# mirror_of SUITE: the address from which apt has SUITE here; for a suite it does not have, where its own suite is from.
mirror_of() {
    local own=$1 suite=$2 known
    # shellcheck disable=SC2016  # apt-get's own names
    known=$(apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' | sed -n 's/^Packages //p')
    { grep "^$suite main " <<<"$known" || grep "^$own main " <<<"$known" || true; } | head -n 1 | cut -d ' ' -f 3
}

main() {
    local own suite tree mirror components=main proxy=""
    [ "$(id -u)" = 0 ] || fail "making a tree needs root"
    # shellcheck source=/dev/null
    own=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    suite=${1:-$own}
    tree=${HEMS_TREE:-${XDG_CACHE_HOME:-${HOME:-/var/cache}/.cache}/goodwe-master-coordinator/tree-$suite}
    if [ -e "$tree/.complete" ] && [ "$(cat "$tree/.complete")" = "$suite $packages" ]; then
        install_tools
        printf '%s\n' "$tree"
        return
    fi
    [ ! -e "$tree" ] || [ -e "$tree/.complete" ] || [ -e "$tree/.begun" ] || [ -z "$(ls -A "$tree")" ] \
        || fail "$tree is something else than a tree made by this script: empty it, or name another place with HEMS_TREE"
    install_tools
    mirror=$(mirror_of "$own" "$suite")
    [ -n "$mirror" ] || { apt-get update >&2 || true; mirror=$(mirror_of "$own" "$suite"); }
    [ -n "$mirror" ] || fail "apt names no mirror for $suite here"
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release && printf '%s' "$ID")" != ubuntu ] || components=main,universe
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    [ -z "$proxy" ] || [ "$proxy" = DIRECT ] || export http_proxy=$proxy
    say "making a tree of $suite in $tree (about two minutes)"
    rm -rf "$tree"
    mkdir -p "$tree"
    touch "$tree/.begun"
    debootstrap --variant=minbase --components="$components" --include="$packages" "$suite" "$tree" "$mirror" >&2 \
        || fail "debootstrap could not make $tree; its last words are in $tree/debootstrap/debootstrap.log"
    rm -rf "$tree/var/cache/apt/archives"/*.deb "$tree/var/lib/apt/lists"/*
    printf '%s %s' "$suite" "$packages" >"$tree/.complete"
    rm "$tree/.begun"
    printf '%s\n' "$tree"
}

main "$@"
