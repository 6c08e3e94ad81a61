"""Shared fixtures. Keep them few: what one part needs stands in ``support``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The directory of recorded data: ``$HEMS_DATA``, else ``../shared/data`` beside the project.

    Tests that ask for it are skipped, saying so, where it is absent: its licences keep it out of the project.
    """
    path = Path(os.environ.get("HEMS_DATA", PROJECT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no reference data at {path}; set HEMS_DATA to where it is")
    return path
