#!/usr/bin/env bash
# Set the Master Coordinator up as a service of this machine; see `./scripts/ubuntu_setup.sh --help`.
# May be run again at any time: it changes only what differs, and a version that does not come up is taken back.
set -euo pipefail
umask 022

app=/opt/goodwe-dynamic-price-optimiser
service=goodwe-master-coordinator
user=goodwe-ems
config_name=config/master_coordinator_config.yaml
config=$app/$config_name
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# shellcheck source=scripts/lib.sh
. "$source_dir/scripts/lib.sh"
# shellcheck source=scripts/setup/machine.sh
. "$source_dir/scripts/setup/machine.sh"
# shellcheck source=scripts/setup/python.sh
. "$source_dir/scripts/setup/python.sh"
# shellcheck source=scripts/setup/code.sh
. "$source_dir/scripts/setup/code.sh"
# shellcheck source=scripts/setup/house.sh
. "$source_dir/scripts/setup/house.sh"
# shellcheck source=scripts/setup/service.sh
. "$source_dir/scripts/setup/service.sh"
# shellcheck source=scripts/setup/uninstall.sh
. "$source_dir/scripts/setup/uninstall.sh"

usage() {
    cat <<END
Sets the Master Coordinator up as a service: user, code in $app,
Python, packages, configuration, systemd unit. Debian 11+, Ubuntu 20.04+; needs root.

  sudo ./scripts/ubuntu_setup.sh [options]      install, or bring an installation to the version here
  sudo ./scripts/ubuntu_setup.sh --update       the same; run inside $app it takes the new version with git pull
  sudo ./scripts/ubuntu_setup.sh --uninstall    stop, give the inverter back, remove; data and configuration stay

  --inverter ADDRESS   address or name of the inverter, or the word simulator; else it is looked for and asked
  --port N             its port, where it is not 8899 (UDP); 502 is Modbus/TCP
  --capacity-kwh N     nominal energy of the battery
  --non-interactive    ask nothing (so it is without a terminal)
  --python PATH        use this Python (3.$python_min_minor to 3.$python_max_minor) instead of finding or fetching one
  --wheels DIR         install the packages from a folder of wheels, without a network
  --no-start           leave the service stopped
  --purge              with --uninstall: remove data, logs and configuration too
END
}

action=install inverter="" port="" capacity_kwh="" interactive=yes python_wanted="" wheels="" start=yes purge=no

wrong_option() { say "error: $1; see --help"; exit 2; }

# parse_options WORD...: each option's value as a word of its own.
parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --inverter | --port | --capacity-kwh | --python | --wheels)
                [ $# -ge 2 ] && [ -n "$2" ] || wrong_option "$1 needs a value" ;;
        esac
        case $1 in
            --inverter) inverter=$2; shift ;;
            --port) port=$2; shift ;;
            --capacity-kwh) capacity_kwh=$2; shift ;;
            --python) python_wanted=$2; shift ;;
            --wheels) wheels=$2; shift ;;
            --update | --uninstall)
                [ "$action" = install ] || [ "--$action" = "$1" ] || wrong_option "--$action does not go with $1"
                action=${1#--} ;;
            --purge) purge=yes ;;
            --non-interactive) interactive=no ;;
            --no-start) start=no ;;
            -h | --help) usage; exit 0 ;;
            *) wrong_option "$1 is not an option" ;;
        esac
        shift
    done
    [ -t 0 ] || interactive=no
    [ "$purge" = no ] || [ "$action" = uninstall ] || wrong_option "--purge goes with --uninstall only"
    [ -z "$inverter" ] || is_address "$inverter" || wrong_option "--inverter $inverter is no address: $address_rule"
    [ -z "$port" ] || is_port "$port" || wrong_option "--port $port is no port: 1 to 65535"
    [ -z "$capacity_kwh" ] || is_capacity "$capacity_kwh" || wrong_option "--capacity-kwh $capacity_kwh: $capacity_rule"
    [ -z "$wheels" ] || wheels=$(cd "$wheels" 2>/dev/null && pwd -P) || wrong_option "--wheels: there is no such folder"
}

steps_done=0
steps=9
step() { steps_done=$((steps_done + 1)); say "[$steps_done/$steps] $*"; }

set_up() {
    step "looking at this machine"
    need_root
    one_at_a_time
    know_machine
    recover_interrupted
    trap take_back EXIT
    trap 'exit 130' INT TERM HUP
    [ "$action" = install ] || is_installed_here || fail "nothing is installed in $app: run this without --update"
    first=no
    is_installed_here || first=yes

    step "the user $user"
    make_user
    step "taking the code from $source_dir"
    stage_code
    step "Python and $(count_pins "$code/requirements.txt") pinned packages"
    stage_packages
    step "configuration"
    prepare_configuration

    step "putting it in place"
    if has_changes; then
        stop_for_change
        back_up_data
        swap_in
    else
        say "  nothing differs from what is installed"
    fi
    give_rights
    install_unit

    step "testing the connection to the inverter"
    test_connection
    step "starting the service"
    start_service
    keep_change
    step "done"
    what_next
}

main() {
    local words=() word
    for word in "$@"; do
        case $word in --*=*) words+=("${word%%=*}" "${word#*=}") ;; *) words+=("$word") ;; esac
    done
    parse_options ${words[@]+"${words[@]}"}
    if [ "$action" = uninstall ]; then uninstall; else set_up; fi
}

main "$@"
exit 0
