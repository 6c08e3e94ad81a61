# Part of ubuntu_setup.sh: taking it away again.
# shellcheck shell=bash disable=SC2154,SC2034  # names come from ubuntu_setup.sh and go to the other parts

uninstall() {
    local entry
    steps=4
    step "looking at this machine"
    need_root
    one_at_a_time
    if [ ! -e "$app" ] && [ ! -e "$unit_file" ]; then
        say "  nothing is installed"
        return
    fi
    refuse_to_lose_changes

    step "stopping the service; it gives the inverter back first (up to 2 minutes)"
    stop_for_good
    step "removing the service, the code and the user"
    rm -f "$unit_file"
    ! has_systemd || { systemctl daemon-reload; systemctl reset-failed "$service" 2>/dev/null || true; }
    if [ -d "$app" ]; then
        while IFS= read -r entry; do rm -rf "${app:?}/$entry"; done < <(code_entries)
    fi
    ! id "$user" >/dev/null 2>&1 || userdel "$user" || say "  the user $user could not be removed: userdel $user"

    step "done"
    if [ "$purge" = yes ]; then
        rm -rf "$app"
        say "  data, logs and configuration are removed too"
        return
    fi
    [ ! -d "$app" ] || chown -R --no-dereference root:root "$app"  # no later user with the same number gets them
    say "  kept:        $app/config  $app/out  $app/logs
  install it again and it goes on with them; remove them with: sudo rm -r $app"
}

# Everything but what belongs to the owner.
code_entries() { find "$app" -mindepth 1 -maxdepth 1 ! -name config ! -name out ! -name logs -printf '%f\n'; }

refuse_to_lose_changes() {
    local own
    [ "$purge" = no ] && is_checkout "$app" || return 0
    own=$(git_in "$app" status --porcelain --untracked-files=no)
    [ -z "$own" ] || fail "files in $app were changed by hand and would be lost:
$own
Keep them elsewhere, then: sudo git -C $app checkout -- FILE   (or give --purge)"
}

stop_for_good() {
    has_systemd && systemctl cat "$service" >/dev/null 2>&1 || { say "  no service is installed"; return 0; }
    systemctl disable --quiet "$service" || true
    systemctl stop "$service" || fail "the service could not be stopped: systemctl status $service says why"
    local word
    word=$(journalctl -u "$service" -n 30 --no-pager -o cat 2>/dev/null | grep -i 'self-use' | tail -n 1) || true
    say "  ${word:-stopped; whether the inverter is back in self-use is not known: have a look at it}"
}
