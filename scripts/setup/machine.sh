# Part of ubuntu_setup.sh: what kind of machine this is, and the user the service runs as.
# shellcheck shell=bash disable=SC2154,SC2034  # names come from ubuntu_setup.sh and go to the other parts

need_root() {
    [ "$(id -u)" = 0 ] || fail "this needs root: sudo $0$([ "$action" = install ] || printf ' --%s' "$action")"
}

# Two set-ups at once would swap each other's files. The lock goes with the process.
one_at_a_time() {
    exec 8>"/run/$service-setup.lock"
    flock -n 8 || fail "another set-up is under way on this machine: wait for it to end"
}

know_machine() {
    local tool missing=() name="this system"
    for tool in tar diff flock runuser useradd sha256sum mktemp; do
        command -v "$tool" >/dev/null 2>&1 || missing+=("$tool")
    done
    [ ${#missing[@]} = 0 ] || fail "needed and not found: ${missing[*]}; on Debian and Ubuntu:
  sudo apt install tar diffutils util-linux passwd coreutils"
    # shellcheck source=/dev/null
    [ ! -r /etc/os-release ] || name=$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-this system}")
    case $(uname -m) in
        x86_64 | aarch64) ;;
        *) fail "$(uname -m) is not supported: the packages exist ready-made for x86-64 and arm64 only (on a Raspberry
  Pi 3 or newer: install the 64-bit system)" ;;
    esac
    command -v apt-get >/dev/null 2>&1 || say "  $name has no apt-get: what is missing has to be installed by hand"
    say "  $name, $(uname -m)"
    has_systemd || say "  systemd is not running here: everything is set up but the service"
}

has_systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; }

is_installed_here() { [ -e "$app/.venv/bin/python" ] && [ -e "$config" ]; }

make_user() {
    if id "$user" >/dev/null 2>&1; then
        say "  is there"
        return
    fi
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user" \
        || fail "the user $user could not be made"
    say "  made: without a password, a home or a shell"
}

# as_service COMMAND...: as the service's user and from a place that it may read.
as_service() { (cd "$app" && runuser -u "$user" -- "$@"); }

hems_as_service() { as_service "$app/.venv/bin/hems" "$@"; }

# Code belongs to root and can be read by all; what the service writes is its own; the configuration may hold passwords.
give_rights() {
    [ ! -d "$app/.git" ] || chmod -R go= "$app/.git"  # the address it pulls from may hold a password
    chown root:root "$app" "$app/config"
    chmod 0755 "$app" "$app/config"
    chown "root:$user" "$config"
    chmod 0640 "$config"
    local place
    for place in out logs; do
        install -d -m 0750 -o "$user" -g "$user" "$app/$place"
        chown -R --no-dereference "$user:$user" "$app/$place"
    done
}
