#!/usr/bin/env bash
# Set everything up and prove the project: lint, format, types, layers and all tests.
#   ./scripts/test.sh [options of pytest]      such as: ./scripts/test.sh -k prices
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

ensure_venv "$root" requirements-dev.txt .installed-dev || exit 1
cd "$root" || exit 1

python=.venv/bin/python
summary=()
failed=0

# step NAME COMMAND...: runs it, keeps its outcome for the summary, and goes on whatever it was.
step() {
    local name=$1 start=$SECONDS outcome=passed
    shift
    printf '\n== %s\n' "$name"
    "$@" || { outcome=FAILED; failed=1; }
    summary+=("$(printf '%-8s %-8s %4d s' "$name" "$outcome" "$((SECONDS - start))")")
}

# check_page: types and tests of the page's sources; a machine without Node runs the page as it was built.
# shellcheck disable=SC2317  # step calls it
check_page() (
    if ! command -v npm >/dev/null 2>&1; then
        say "NOT CHECKED: the page's sources need npm"
        return 0
    fi
    cd web-ui || return 1
    if ! npm ci --no-audit --no-fund --loglevel=error; then
        say "NOT CHECKED: the page's packages could not be installed"
        return 0
    fi
    npm run --silent check && npm test --silent
)

step lint "$python" -m ruff check .
step format "$python" -m ruff format --check .
step types "$python" -m mypy
step layers "$python" -c 'from importlinter.cli import lint_imports_command as lint; lint()'
step page check_page
step tests "$python" -m pytest -n 2 "$@"

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
if [ "$failed" = 0 ]; then echo "all passed"; else echo "something FAILED: see above"; fi
exit "$failed"
