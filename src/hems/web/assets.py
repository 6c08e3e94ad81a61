"""The built page: files whose names hold their content's hash are kept by browsers for ever, the others never."""

from __future__ import annotations

import re
from os import PathLike, stat_result
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

_HASHED = re.compile(r"\.[0-9A-Za-z]{8,}\.(js|css)$")


class Assets(StaticFiles):
    """Serves the folder of the built page."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Any, status_code: int = 200
    ) -> Response:
        """Return a file with how long it may be kept."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        kept = "public, max-age=31536000, immutable" if _HASHED.search(str(full_path)) else "no-cache"
        response.headers["Cache-Control"] = kept
        return response
