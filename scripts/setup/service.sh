# Part of ubuntu_setup.sh: the systemd unit, stopping and starting, backup, health, and the way back.
# shellcheck shell=bash disable=SC2154,SC2034  # names come from ubuntu_setup.sh and go to the other parts

unit_file=/etc/systemd/system/$service.service
backups=$app/out/backups
backups_kept=3
healthy_within_s=120
steady_for_s=10

first=no swapped=no was_running=no was_sound=no unit_changed=no config_changed=no
new_venv="" backup="" schema_before="" connection=""

is_running() { has_systemd && [ "$(systemctl is-active "$service" 2>/dev/null)" = active ]; }

# The program's own word: exit code 0 means that it runs and its last record is of this run.
says_it_runs() { hems_as_service status --json --config "$config" >/dev/null 2>&1; }

stop_for_change() {
    has_systemd && systemctl cat "$service" >/dev/null 2>&1 || return 0
    # Sound: it ran well, or somebody had stopped it. What kept failing is no version to come back to.
    case $(systemctl is-active "$service" 2>/dev/null) in
        active) was_running=yes; ! says_it_runs || was_sound=yes ;;
        inactive) was_sound=yes ;;
    esac
    [ "$was_running" = no ] || say "  stopping the service; it gives the inverter back first (up to 2 minutes)"
    systemctl stop "$service" || fail "the service could not be stopped: systemctl status $service says why"
}

schema_version() {
    as_service "$app/.venv/bin/python" -c 'import sqlite3, sys
print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute("PRAGMA user_version").fetchone()[0])' \
        "$app/out/hems.sqlite3" 2>/dev/null || true
}

back_up_data() {
    [ -e "$app/out/hems.sqlite3" ] && [ -e "$staging/src" ] && [ -x "$app/.venv/bin/hems" ] || return 0
    give_rights
    install -d -m 0750 -o "$user" -g "$user" "$backups"
    backup=$backups/before-update-$(date -u +%Y%m%d-%H%M%S).tar.gz
    if ! hems_as_service backup "$backup" --config "$config" >/dev/null; then
        say "  \`hems backup\` could not (its words are above): copying the stopped database as it is"
        # shellcheck disable=SC2016  # expanded by that shell, which may read the files
        as_service sh -c 'umask 077; tar -C "$1" -czf "$2" --transform "s,^,out/," hems.sqlite3' sh \
            "$app/out" "$backup" || fail "the data could not be backed up to $backup; is the disk full?"
    fi
    schema_before=$(schema_version)
    say "  data backed up: $backup"
    find "$backups" -name 'before-update-*.tar.gz' | sort | head -n "-$backups_kept" | xargs -r rm -f
}

# Only where the new version migrated the database: the old one cannot read it then.
bring_data_back() {
    [ -n "$backup" ] && [ "$(schema_version)" != "$schema_before" ] || return 0
    local file aside
    aside=$(date -u +%Y%m%d-%H%M%S)
    for file in "$app"/out/hems.sqlite3 "$app"/out/hems.sqlite3-wal "$app"/out/hems.sqlite3-shm; do
        [ ! -e "$file" ] || mv "$file" "${file/hems.sqlite3/migrated-$aside.sqlite3}"
    done
    as_service tar -xzf "$backup" -C "$app" out/hems.sqlite3
    say "  the database is that of before; what the new version made of it is out/migrated-$aside.sqlite3"
}

install_unit() {
    has_systemd || return 0
    local unit=$app/systemd/$service.service
    [ -e "$unit" ] || fail "$unit is missing"
    cmp -s "$unit" "$unit_file" && return
    install -m 0644 -o root -g root "$unit" "$unit_file.new"
    mv "$unit_file.new" "$unit_file"
    systemctl daemon-reload
    unit_changed=yes
    say "  unit installed: $unit_file"
}

# The dongle talks with one client at a time: beside a running service the test would take its answers.
test_connection() {
    if is_running; then
        say "  left out: the service runs and talks with the inverter itself; \`--status\` shows how it fares"
        connection=in_use
    elif as_service timeout 90 "$app/.venv/bin/python" "$app/test/inverter_test.py" --config "$config" >&2; then
        connection=works
    else
        connection=failed
        say "  the service will keep trying by itself"
    fi
}

start_service() {
    if ! has_systemd; then
        say "  left out: no systemd here"
        return
    fi
    systemctl enable --quiet "$service" || fail "the service could not be enabled"
    if [ "$start" = no ]; then
        say "  left out, as asked; it starts with the machine"
        return
    fi
    if is_running && [ "$unit_changed$config_changed$swapped" = nonono ]; then
        say "  it runs, and nothing that it uses has changed: left alone"
        return
    fi
    systemctl reset-failed "$service" 2>/dev/null || true
    systemctl restart --no-block "$service" || fail "the service could not be started"
    if comes_up; then
        say "  it runs"
        return
    fi
    journalctl -u "$service" -n 25 --no-pager -o cat >&2 || true
    fail "the service does not come up; its last words are above"
}

# comes_up: ready, recording, and still the same process some seconds later.
comes_up() {
    local waited=0 steady=0 pid="" now
    say "  waiting until it is ready and steady (usually 15 seconds, at most $healthy_within_s)"
    while [ "$waited" -lt "$healthy_within_s" ]; do
        sleep 1
        waited=$((waited + 1))
        [ $((waited % 15)) != 0 ] || say "  ... $waited s: $(systemctl is-active "$service")"
        [ "$(systemctl show -p NRestarts --value "$service")" = 0 ] || return 1
        case $(systemctl is-active "$service") in failed) return 1 ;; active) ;; *) continue ;; esac
        now=$(systemctl show -p MainPID --value "$service")
        [ "$now" = "$pid" ] || { pid=$now; steady=0; continue; }
        steady=$((steady + 1))
        [ "$steady" -lt "$steady_for_s" ] || ! says_it_runs || return 0
    done
    return 1
}

keep_change() {
    trap - EXIT INT TERM HUP
    rm -rf "$previous" "$staging"
    drop_old_environments
}

# take_back: on any end before keep_change. The old version comes back where it had worked before.
take_back() {
    local code=$?
    trap - EXIT
    trap '' INT TERM HUP
    set +e
    if [ "$swapped" = yes ] && [ "$first" = no ] && [ "$was_sound" = yes ]; then
        say "taking the old version back"
        ! has_systemd || systemctl stop "$service"
        move_back
        bring_data_back
        install_unit
        give_rights
    fi
    rm -rf "$staging" "$previous"
    if [ "$was_running" = yes ] && [ "$start" = yes ]; then
        systemctl restart --no-block "$service"
        if comes_up; then say "  the old version runs again"; else say "  it does not come up either: journalctl -u $service"; fi
    fi
    drop_old_environments
    [ "$first" = no ] || rmdir "$environments" "$app/config" "$app" 2>/dev/null
    say "error: not done. What to do stands above; running this again is safe."
    exit "$((code == 0 ? 1 : code))"
}

what_next() {
    local manage="sudo $app/scripts/manage_services.sh"
    ! has_systemd || say "
  is it well?           $manage status
  what does it do?      sudo $app/.venv/bin/hems status
  what did it say?      $manage logs"
    has_systemd || say "
  run it in a terminal: sudo runuser -u $user -- $app/.venv/bin/hems run --config $config"
    say "  configuration:        $config
  after a change of it: $manage restart
  data and logs:        $app/out  $app/logs
  a later version:      sudo $app/scripts/ubuntu_setup.sh --update"
    [ "$connection" != failed ] || say "
  The inverter did NOT answer (see above). sudo $app/.venv/bin/hems doctor says more;
  another address:      sudo $app/scripts/ubuntu_setup.sh --inverter ADDRESS"
    [ "$(yaml_key "$config" inverter.ip_address 2>/dev/null)" != simulator ] || say "
  This is a SIMULATED house. Your own: sudo $app/scripts/ubuntu_setup.sh --inverter ADDRESS --capacity-kwh N"
}
