#!/usr/bin/env bash
# Pin every dependency with its hashes, free of any registry address. Needs `uv` on the path.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }
compile --extra build --extra plots pyproject.toml -o requirements.txt
compile --extra build --extra plots --extra dev pyproject.toml -o requirements-dev.txt
