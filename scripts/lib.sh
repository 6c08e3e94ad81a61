# shellcheck shell=bash
# Shared by all scripts here: finds a Python, makes .venv and keeps what is installed in it equal to the pins.
# Source it; it writes only inside the checkout. Needs bash and the usual core utilities.

python_min_minor=11
python_max_minor=14

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Whether $1 is a Python that this project runs on. A shim that names a missing version fails here, not later.
python_fits() {
    "$1" -c "import sys; sys.exit(not ((3, $python_min_minor) <= sys.version_info[:2] <= (3, $python_max_minor)))" \
        >/dev/null 2>&1
}

# Whether $1 can make a virtual environment with pip in it; Debian and Ubuntu package that part apart.
python_has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# Prints the Python to use: $PYTHON, or the first fitting one, one that has venv before one that has not.
find_python() {
    local candidate without_venv=""
    if [ -n "${PYTHON:-}" ]; then
        python_fits "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.$python_min_minor to 3.$python_max_minor"
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        python_fits "$candidate" || continue
        if python_has_venv "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
        without_venv="${without_venv:-$candidate}"
    done
    [ -n "$without_venv" ] || fail "Python 3.$python_min_minor or newer is needed and was not found.
  Debian 12+, Ubuntu 24.04+:  sudo apt install python3 python3-venv
  Ubuntu 22.04:               sudo apt install python3.11 python3.11-venv
  older ones, elsewhere:      https://www.python.org/downloads/
Another place is named by PYTHON=/path/to/python3 $0"
    printf '%s\n' "$without_venv"
}

# Makes sure that $1 can make virtual environments: installs the package as root, else says which one is missing.
need_venv() {
    local python=$1 package
    python_has_venv "$python" && return
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "$package is missing: installing it with apt"
        DEBIAN_FRONTEND=noninteractive apt-get install -y "$package" >&2 \
            || { apt-get update >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y "$package" >&2; } \
            || fail "$package could not be installed; install it and run this again"
        python_has_venv "$python" && return
    fi
    fail "$python has no venv module. Install it and run this again:
  Debian, Ubuntu:  sudo apt install $package"
}

# stamp_of ROOT REQUIREMENTS [CODE]: what an installation in ROOT depends on: the pins, the project's own metadata and
# where it lies (a virtual environment does not survive being moved). CODE is where the files are now, else ROOT.
stamp_of() {
    local root=$1 requirements=$2 code=${3:-$1}
    { printf '%s\n' "$root"; cat "$code/$requirements" "$code/pyproject.toml" "$code/scripts/lib.sh"; } \
        | sha256sum | cut -d ' ' -f 1
}

is_installed() {
    local root=$1 stamp=$2 wanted=$3
    [ -x "$root/.venv/bin/python" ] && [ "$(cat "$root/.venv/$stamp" 2>/dev/null)" = "$wanted" ] \
        && "$root/.venv/bin/python" -c '' >/dev/null 2>&1
}

# Whether ROOT/.venv works and was made at this place: one that was moved has commands that point to the old place.
is_usable_venv() {
    local root=$1
    python_fits "$root/.venv/bin/python" && "$root/.venv/bin/python" -m pip --version >/dev/null 2>&1 || return 1
    ! grep -q '^command = ' "$root/.venv/pyvenv.cfg" || grep -qF -- "$root/.venv" "$root/.venv/pyvenv.cfg"
}

# ensure_venv ROOT REQUIREMENTS STAMP: on return ROOT/.venv holds exactly the pinned REQUIREMENTS and the project.
ensure_venv() {
    local root=$1 requirements=$2 stamp=$3 wanted
    wanted=$(stamp_of "$root" "$requirements")
    is_installed "$root" "$stamp" "$wanted" && return
    mkdir -p "$root/.venv" || fail "$root cannot be written; clone the project to a place that is yours"
    # Two starts at once must not install into each other: the second waits and then finds everything done. The
    # subshell lets go of the lock at its end, so that what is started later does not inherit it.
    (
        if command -v flock >/dev/null 2>&1; then
            { exec 9>"$root/.venv/.setup.lock"; } 2>/dev/null \
                || fail "$root/.venv cannot be written by $(id -un): run this as the owner of $root, or clone the
  project to a place that is yours"
            flock -n 9 || { say "another set-up is under way: waiting for it"; flock 9; }
        fi
        is_installed "$root" "$stamp" "$wanted" || install_venv "$root" "$requirements" "$stamp" "$wanted"
    )
}

install_venv() {
    local root=$1 requirements=$2 stamp=$3 wanted=$4 python
    if ! is_usable_venv "$root"; then
        python=$(find_python) || exit 1
        need_venv "$python"
        say "[1/3] making .venv with $("$python" --version 2>&1)"
        # All but the lock, which another start may be holding open.
        find "$root/.venv/" -mindepth 1 -maxdepth 1 ! -name .setup.lock -exec rm -rf {} +
        make_venv "$python" "$root/.venv"
    fi
    say "[2/3] installing $(count_pins "$root/$requirements") pinned packages from $requirements"
    install_pins "$root/.venv" "$root/$requirements"
    say "[3/3] installing the Master Coordinator"
    install_project "$root/.venv" "$root"
    write_stamp "$root/.venv/$stamp" "$wanted"
}

count_pins() { grep -c '==' "$1" || true; }

# make_venv PYTHON DIRECTORY
make_venv() { "$1" -m venv "$2" >&2 || fail "the virtual environment $2 could not be made"; }

# install_pins VENV FILE: everything that FILE pins, with the hashes it names and nothing else.
install_pins() {
    local venv=$1 file=$2 quiet=(--quiet)
    [ -t 2 ] && quiet=()
    pip_in "$venv" install "${quiet[@]}" --require-hashes -r "$file" \
        || fail "the packages could not be installed; is there a connection to the package index? Run this again."
}

# install_project VENV ROOT: makes VENV import the code where it lies, in ROOT.
install_project() {
    pip_in "$1" install --quiet --no-deps --no-build-isolation -e "$2" \
        || fail "the project itself could not be installed from $2"
}

# write_stamp FILE TEXT: whole or not at all.
write_stamp() {
    printf '%s\n' "$2" >"$1.new" && mv "$1.new" "$1" || fail "${1%/*} cannot be written; is the disk full?"
}

# pip without a cache of its own, so that nothing is written outside the checkout.
pip_in() {
    local venv=$1
    shift
    PIP_USER=0 "$venv/bin/python" -m pip --disable-pip-version-check --no-input --no-cache-dir "$@" >&2
}
