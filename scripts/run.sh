#!/usr/bin/env bash
# Set the Master Coordinator up, where that is still to do, and run it:
#   ./scripts/run.sh [options of src/master_coordinator.py]
# It uses config/master_coordinator_config.yaml unless --config or $HEMS_CONFIG names another file.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

ensure_venv "$root" requirements.txt .installed-core

config=(--config "$root/config/master_coordinator_config.yaml")
[ -z "${HEMS_CONFIG:-}" ] || config=()
for argument in "$@"; do
    case $argument in --config | --config=*) config=() ;; esac
done
exec "$root/.venv/bin/python" "$root/src/master_coordinator.py" ${config[@]+"${config[@]}"} "$@"
