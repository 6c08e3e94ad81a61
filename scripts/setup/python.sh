# Part of ubuntu_setup.sh: a Python that fits, and the packages in an environment beside the one in use.
# shellcheck shell=bash disable=SC2154,SC2034  # names come from ubuntu_setup.sh and go to the other parts

own_python_minor=12
environments=$app/.venvs

# choose_python: prints the Python to build with: the given one, one fetched before, the system's, one fetched now.
choose_python() {
    local found
    if [ -n "$python_wanted" ]; then
        python_fits "$python_wanted" \
            || fail "--python $python_wanted is not a Python 3.$python_min_minor to 3.$python_max_minor"
        case $(readlink -f "$(command -v "$python_wanted")") in
            /home/* | /root/*) fail "--python $python_wanted lies in a home, which the service may not read: choose one
  that is installed for everybody" ;;
        esac
        command -v "$python_wanted"
        return
    fi
    if found=$(own_python) || found=$(PYTHON="" find_python 2>/dev/null); then
        printf '%s\n' "$found"
        return
    fi
    fetch_python
}

own_python() {
    local candidate
    for candidate in "$app"/python/cpython-3.*/bin/python3; do
        python_fits "$candidate" && printf '%s\n' "$candidate" && return
    done
    return 1
}

# fetch_python: the system's is too old, so uv, pinned by its hash, brings one (python-build-standalone) into $app/python.
fetch_python() {
    local boot
    say "  this system has no Python 3.$python_min_minor or newer: fetching 3.$own_python_minor into $app/python"
    boot=$(mktemp -d)
    # shellcheck disable=SC2064  # this folder, now
    trap "rm -rf '$boot'" EXIT  # of the subshell that choose_python runs in
    if ! command -v python3 >/dev/null 2>&1; then
        DEBIAN_FRONTEND=noninteractive apt-get install -y python3 python3-venv >&2 \
            || fail "python3 could not be installed; install python3 and python3-venv and run this again"
    fi
    need_venv python3
    make_venv python3 "$boot/venv"
    pip_in "$boot/venv" install --quiet --only-binary :all: --require-hashes \
        -r "$source_dir/scripts/setup/uv-requirements.txt" || fail "uv, which fetches Python, could not be installed.
  Is there a connection to the package index? $without_fetching"
    UV_CACHE_DIR=$boot/cache "$boot/venv/bin/uv" python install --no-config --no-bin --managed-python \
        --install-dir "$app/python" "3.$own_python_minor" >&2 \
        || fail "Python 3.$own_python_minor could not be fetched (why: above). A mirror of python-build-standalone is named by
  UV_PYTHON_INSTALL_MIRROR. $without_fetching"
    own_python || fail "the Python that was fetched into $app/python does not run"
}

without_fetching="Nothing was changed. Without fetching: --python PATH names
  a Python 3.$python_min_minor or newer that is already here (Ubuntu 22.04: sudo apt install python3.11 python3.11-venv)."

# stage_packages: on return the staged .venv, or the one in use, has what the staged code is pinned to.
stage_packages() {
    local wanted python venv
    wanted=$(stamp_of "$app" requirements.txt "$code")
    new_venv=""
    if [ -L "$app/.venv" ] && is_installed "$app" .installed-core "$wanted" && [ -z "$python_wanted" ]; then
        say "  are there: $("$app/.venv/bin/python" --version)"
        return
    fi
    [ -z "$wheels" ] || export PIP_NO_INDEX=1 PIP_FIND_LINKS="$wheels"
    python=$(choose_python) || exit 1
    need_venv "$python"
    say "  $("$python" --version 2>&1) ($python)"
    # Beside the one in use, under a name that stays: an environment does not survive being moved.
    mkdir -p "$environments" "$staging"
    venv=$(mktemp -d "$environments/$(date -u +%Y%m%d-%H%M%S)-XXXX")
    chmod 0755 "$venv"
    new_venv=$venv
    make_venv "$python" "$venv"
    install_pins "$venv" "$code/requirements.txt"
    write_stamp "$venv/.installed-core" "$wanted"
    ln -s ".venvs/${venv##*/}" "$staging/.venv"
}

# drop_old_environments: all but the one in use, once that has shown that it works.
drop_old_environments() {
    local used venv
    used=$(readlink -f "$app/.venv")
    for venv in "$environments"/*/; do
        [ ! -d "$venv" ] || [ "$(readlink -f "$venv")" = "$used" ] || rm -rf "$venv"
    done
}
