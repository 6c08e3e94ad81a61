# Part of ubuntu_setup.sh: the owner's configuration, and which inverter stands in it.
# shellcheck shell=bash disable=SC2154,SC2034  # names come from ubuntu_setup.sh and go to the other parts

address_rule="an IP address or a host name without a port, or the word simulator"
capacity_rule="a number of kWh, such as 10 or 7.5"

is_address() { [[ $1 =~ ^[A-Za-z0-9:][A-Za-z0-9.:_%-]*$ ]]; }
is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && [ "$1" -ge 1 ] && [ "$1" -le 65535 ]; }
is_capacity() { [[ $1 =~ ^[0-9]+(\.[0-9]+)?$ ]] && [[ $1 =~ [1-9] ]]; }

new_python() { printf '%s/bin/python' "${new_venv:-$app/.venv}"; }

# run_new COMMAND...: a hems command of the version that is being set up, before it is in its place.
run_new() { PYTHONPATH=$code/src PYTHONDONTWRITEBYTECODE=1 "$(new_python)" -m hems.cli "$@"; }

yaml_key() { "$(new_python)" "$code/scripts/setup/yaml_key.py" "$@"; }

# prepare_configuration: the owner's, kept as it is; where there is none, the shipped one with this house filled in.
prepare_configuration() {
    local former=""
    config_changed=no
    mkdir -p "$app/config"
    if [ -e "$config" ]; then
        say "  kept: $config"
        former=$(mktemp "$app/config/.before-setup-XXXXXX")
        cp -a "$config" "$former"
    else
        install -m 0640 -o root -g "$user" /dev/null "$config"
        run_new config example >"$config" || fail "no configuration could be made at $config"
        say "  made: $config"
    fi
    if { fill_in && check_configuration; }; then
        [ -z "$former" ] || cmp -s "$former" "$config" || config_changed=yes
        rm -f "$former"
        return
    fi
    # As it was found: none, or the owner's.
    if [ -n "$former" ]; then mv "$former" "$config"; else rm -f "$config"; fi
    exit 1
}

fill_in() {
    local present
    present=$(yaml_key "$config" inverter.ip_address 2>/dev/null) || present=""
    if [ -z "$inverter" ] && [ "$first" = yes ] && [ "$present" = simulator ]; then
        find_inverter
        [ -n "$capacity_kwh" ] || [ "$interactive" = no ] || [ -z "$inverter" ] || ask_capacity
    fi
    if [ -n "$inverter" ] && [ "$inverter" != "$present" ]; then
        set_key inverter.ip_address "\"$inverter\"" || return 1
    fi
    if [ -n "$port" ] && [ "$port" != "$(yaml_key "$config" inverter.port 2>/dev/null || echo 8899)" ]; then
        set_key inverter.port "$port" || return 1
    fi
    if [ -n "$capacity_kwh" ]; then
        set_key battery_management.capacity_kwh "$capacity_kwh" || return 1
    fi
    say "  inverter: ${inverter:-${present:-see the file}}"
}

set_key() { yaml_key "$config" "$1" "$2"; }

# find_inverter: sets $inverter, and $port where it is not the usual one, to what is found on the local network or
# answered; leaves it empty where nobody can be asked and nothing, or more than one, is found.
find_inverter() {
    local found=() ports=() address at about answer default=simulator index
    say "  looking for inverters on the local network (about 10 seconds)"
    while IFS=$'\t' read -r address at about; do
        found+=("$address")
        ports+=("$at")
        say "  found: $address port $at ($about)"
    done < <(run_new discover --json 2>/dev/null | "$(new_python)" "$code/scripts/setup/discovered.py")
    [ ${#found[@]} != 0 ] || say "  none found"
    [ ${#found[@]} != 1 ] || default=${found[0]}
    if [ "$interactive" = no ]; then
        [ ${#found[@]} -le 1 ] || say "  more than one: --inverter ADDRESS chooses"
        [ "$default" = simulator ] || inverter=$default
    else
        while :; do
            read -r -p "  Address of the inverter, or simulator [$default]: " answer || answer=$default
            inverter=${answer:-$default}
            ! is_address "$inverter" || break
            say "  $inverter is no address: $address_rule"
        done
    fi
    for index in ${found[@]+"${!found[@]}"}; do
        [ "${found[index]}" != "$inverter" ] || [ -n "$port" ] || port=${ports[index]}
    done
}

ask_capacity() {
    local answer
    while :; do
        read -r -p "  Energy of the whole battery in kWh, from its data sheet [10]: " answer || answer=10
        answer=${answer:-10}
        ! is_capacity "$answer" || break
        say "  $answer: $capacity_rule"
    done
    capacity_kwh=$answer
}

# check_configuration: the new version must understand the file. What the old one objected to as well is no reason to
# stay with the old one: such as a variable that only the service's environment has.
check_configuration() {
    local faults code_of=0
    faults=$(run_new config check "$config" 2>&1) || code_of=$?
    if [ "$code_of" = 0 ]; then
        say "  ${faults#"$config: "}"
        return
    fi
    say "$faults"
    if [ "$code_of" != 2 ]; then  # 2: the configuration is wrong; anything else: the program is
        say "error: this version does not run here (see above). Nothing was changed."
        return 1
    fi
    if [ "$first" = no ] && [ "$faults" = "$("$app/.venv/bin/hems" config check "$config" 2>&1)" ]; then
        say "  these faults were there before; going on with them"
        return
    fi
    say "error: this version cannot use $config (see above). Nothing was changed: correct the
  lines named, and run this again. A key that is unknown now has been dropped: docs/configuration.md has all there are."
    return 1
}
