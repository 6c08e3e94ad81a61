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

step lint "$python" -m ruff check .
step format "$python" -m ruff format --check .
step types "$python" -m mypy
step layers "$python" -c 'from importlinter.cli import lint_imports_command as lint; lint()'
step tests "$python" -m pytest -n 2 "$@"

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
if [ "$failed" = 0 ]; then echo "all passed"; else echo "something FAILED: see above"; fi
exit "$failed"
