#!/usr/bin/env bash
# Start, stop and look at the Master Coordinator's service; see `./scripts/manage_services.sh --help`.
set -euo pipefail

service=goodwe-master-coordinator
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

usage() {
    cat <<END
Starts, stops and looks at the Master Coordinator's service ($service).

  ./scripts/manage_services.sh start | stop | restart     stop gives the inverter back first
  ./scripts/manage_services.sh status                     what systemd knows, with the last lines of the log
  ./scripts/manage_services.sh logs [OPTIONS]             follows the log; options of journalctl are passed on,
                                                          such as -n 100 or --since today
  ./scripts/manage_services.sh logs --no-follow [...]     shows it and ends
  ./scripts/manage_services.sh enable | disable           whether it starts with the machine

Exit codes: 0 done, 1 not done, 2 wrong usage; status: 0 running, 3 not running.
END
}

need_service() {
    [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1 \
        || fail "systemd is not running on this machine: there is no service, and \`$1\` does nothing.
  Without it the Master Coordinator runs in a terminal: $root/scripts/run.sh"
    systemctl cat "$service" >/dev/null 2>&1 \
        || fail "the service is not installed: sudo $root/scripts/ubuntu_setup.sh installs it"
}

need_root() { [ "$(id -u)" = 0 ] || fail "$1 needs root: sudo $0 $1"; }

# After a \`git pull\` the packages may be others than those installed.
renew_packages() {
    [ "$root" = /opt/goodwe-dynamic-price-optimiser ] || return 0
    (umask 022 && ensure_venv "$root" requirements.txt .installed-core) \
        || say "starting with the packages that are there; sudo $root/scripts/ubuntu_setup.sh brings the right ones"
}

logs() {
    local follow=(--follow) words=() word
    for word in "$@"; do
        if [ "$word" = --no-follow ]; then follow=(--no-pager); else words+=("$word"); fi
    done
    [ "$(id -u)" = 0 ] || journalctl -q -n 1 -u "$service" 2>/dev/null | grep -q . \
        || say "(without root the log may be hidden: sudo $0 logs)"
    exec journalctl -u "$service" "${follow[@]}" ${words[@]+"${words[@]}"}
}

main() {
    local verb=${1:-}
    [ $# = 0 ] || shift
    case $verb in
        start | stop | restart | enable | disable)
            [ $# = 0 ] || { say "error: $verb takes no options"; usage >&2; exit 2; }
            need_service "$verb"
            need_root "$verb"
            case $verb in
                start | restart) renew_packages; say "starting; it is ready after its first look at the inverter (up to 5 minutes)" ;;
                stop) say "stopping; it gives the inverter back first (up to 2 minutes)" ;;
            esac
            systemctl "$verb" "$service" || fail "$verb did not work; why: $0 status"
            say "done: $(systemctl is-active "$service" || true), $(systemctl is-enabled "$service" 2>/dev/null || true) at boot"
            ;;
        status)
            need_service "$verb"
            exec systemctl status --no-pager --lines 15 "$@" "$service"
            ;;
        logs)
            need_service "$verb"
            logs "$@"
            ;;
        -h | --help | help) usage ;;
        "") usage >&2; exit 2 ;;
        *) say "error: $verb is not one of the verbs"; usage >&2; exit 2 ;;
    esac
}

main "$@"
