# Part of ubuntu_setup.sh: the new version beside the old one, the exchange, and the way back.
# shellcheck shell=bash disable=SC2154,SC2034  # names come from ubuntu_setup.sh and go to the other parts
#
# The new version is made in .staging. The exchange moves each entry of the old one to .previous and each new one in
# its place; .previous/entries says which, so that an exchange that a power cut interrupted can be taken back.

staging=$app/.staging
previous=$app/.previous

git_in() {
    local where=$1
    shift
    git -C "$where" -c "safe.directory=$where" -c core.hooksPath=/dev/null -c core.fsmonitor=false "$@"
}

is_checkout() { [ -d "$1/.git" ] && command -v git >/dev/null 2>&1; }

# stage_code: on return $code is where the wanted version lies, $staging or, where nothing is to be exchanged, $app.
stage_code() {
    local there
    rm -rf "$staging"
    code=$app
    if [ "$source_dir" = "$app" ] && [ "$action" = update ]; then
        stage_pull
    elif [ "$source_dir" = "$app" ]; then
        say "  it is in its place"
        ! is_checkout "$app" || keep_configuration_out_of_git "$app"
        return
    else
        stage_source
    fi
    if is_same_version; then
        say "  it is what is installed"
        rm -rf "$staging"
        return
    fi
    code=$staging
    there=$(version_of "$code")
    say "  version ${there:-unknown}"
}

version_of() {
    local version
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$1/pyproject.toml" | head -n 1)
    ! is_checkout "$1" || version="$version, commit $(git_in "$1" rev-parse --short HEAD)"
    printf '%s' "$version"
}

stage_pull() {
    local own
    is_checkout "$app" || fail "$app is not a git checkout: there is nothing to pull. Unpack the new version
  elsewhere and run its ./scripts/ubuntu_setup.sh --update"
    keep_configuration_out_of_git "$app"
    own=$(git_in "$app" status --porcelain --untracked-files=no)
    [ -z "$own" ] || fail "files in $app were changed by hand, and an update would lose that:
$own
Keep your changes elsewhere, then: sudo git -C $app checkout -- FILE"
    take_checkout "$app"
    say "  git pull in $app"
    git_in "$staging" pull --quiet --ff-only || fail "git pull did not work (its words are above); nothing was changed.
  Is there a connection? \`sudo git -C $app pull --ff-only\` tries it alone."
}

stage_source() {
    local own
    if is_checkout "$source_dir"; then
        own=$(git_in "$source_dir" status --porcelain --untracked-files=no -- ":!$config_name")
        [ -z "$own" ] || say "  left out: what is not committed there ($(wc -l <<<"$own") files)"
        take_checkout "$source_dir"
    else
        [ ! -e "$source_dir/.git" ] || say "  copied without git: \`git pull\` will not work in $app"
        mkdir -p "$staging"
        tar -C "$source_dir" --exclude=./.git --exclude=./.venv --exclude=./.venvs --exclude=./out --exclude=./logs \
            --exclude=__pycache__ --exclude='*.egg-info' --exclude='./.*_cache' --exclude=./.hypothesis \
            --exclude='./config/*.local.yaml' -cf - . | tar -C "$staging" --no-same-owner -xf - \
            || fail "the code could not be copied to $staging; is the disk full?"
        rm -f "$staging/$config_name"  # the owner's is kept; a first one is made from the program
    fi
    chown -R --no-dereference root:root "$staging"
    chmod -R u=rwX,go=rX "$staging"  # whatever the umask of the clone was, the service's user can read it
}

# take_checkout FROM: its commit and its history in $staging. A clone would be refused where FROM is another user's.
take_checkout() {
    mkdir -p "$staging"
    cp -a "$1/.git" "$staging/.git" && chown -R root:root "$staging/.git" \
        || fail "the code could not be copied to $staging; is the disk full?"
    rm -rf "$staging/.git/hooks" "$staging/.git/index.lock"  # no hook of a user's clone runs as root
    keep_configuration_out_of_git "$staging"
    git_in "$staging" reset --quiet --hard || fail "the code could not be taken out of $1/.git"
}

# The configuration in the checkout belongs to the owner: git neither shows it as changed nor writes it on a pull.
keep_configuration_out_of_git() {
    git_in "$1" config core.sparseCheckout true
    git_in "$1" config core.sparseCheckoutCone false
    git_in "$1" config sparse.expectFilesOutsideOfPatterns true
    mkdir -p "$1/.git/info"
    printf '/*\n!/%s\n' "$config_name" >"$1/.git/info/sparse-checkout"
    printf '/.venv\n/.venvs\n/.staging\n/.previous\n/python\n' >"$1/.git/info/exclude"
    git_in "$1" update-index --skip-worktree "$config_name" 2>/dev/null || true  # unknown to an index still to be made
}

is_same_version() {
    [ -e "$app/src" ] || return 1
    if [ -e "$staging/.git" ]; then
        is_checkout "$app" && [ "$(git_in "$app" rev-parse HEAD)" = "$(git_in "$staging" rev-parse HEAD)" ] \
            && [ -z "$(git_in "$app" status --porcelain --untracked-files=no)" ]
        return
    fi
    [ ! -e "$app/.git" ] || return 1
    local name
    for name in $(staged_entries); do
        diff -rq --exclude=__pycache__ --exclude='*.egg-info' "$staging/$name" "$app/$name" >/dev/null 2>&1 || return 1
    done
}

# staged_entries: what is to be exchanged; the folder config stays, since it holds the owner's file.
staged_entries() { find "$staging" -mindepth 1 -maxdepth 1 ! -name config -printf '%f\n' 2>/dev/null; }

# An installation from another place has $app without code until the exchange: `config` alone is not a version.
has_changes() { [ -n "$(staged_entries)" ]; }

swap_in() {
    local name former=""
    rm -rf "$previous"
    mkdir -m 0700 "$previous"
    ! is_checkout "$app" || former=$(git_in "$app" ls-tree --name-only HEAD)
    {
        for name in $({ staged_entries; [ ! -e "$staging/src" ] || printf '%s\n' "$former"; } | sort -u); do
            [ "$name" != config ] || continue
            if [ -e "$app/$name" ] || [ -L "$app/$name" ]; then printf 'replaced %s\n' "$name"; else printf 'added %s\n' "$name"; fi
        done
    } >"$previous/entries.new"
    sync
    mv "$previous/entries.new" "$previous/entries"
    swapped=yes
    while read -r _ name; do
        [ ! -e "$app/$name" ] && [ ! -L "$app/$name" ] || mv "$app/$name" "$previous/$name"
        [ ! -e "$staging/$name" ] && [ ! -L "$staging/$name" ] || mv "$staging/$name" "$app/$name"
    done <"$previous/entries"
    code=$app
    [ ! -d "$staging/config" ] || cp -a "$staging/config/." "$app/config/"
    ! is_checkout "$app" || git_in "$app" update-index -q --refresh >/dev/null || true  # the times in it are of the copy
    [ -z "$new_venv" ] || install_project "$new_venv" "$app"
    "$app/.venv/bin/python" -m compileall -q "$app/src" || say "  not all of the code could be compiled"
}

# move_back: the entries of .previous to their places. May be interrupted and called again.
move_back() {
    local what name
    while read -r what name; do
        if [ -e "$previous/$name" ] || [ -L "$previous/$name" ]; then
            rm -rf "${app:?}/$name"
            mv "$previous/$name" "$app/$name"
        elif [ "$what" = added ]; then
            rm -rf "${app:?}/$name"
        fi
    done <"$previous/entries"
    rm -rf "$previous"
}

recover_interrupted() {
    [ -e "$previous/entries" ] || return 0
    say "  an earlier set-up was interrupted: taking its half-done exchange back"
    move_back
}
