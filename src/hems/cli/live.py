"""The live screen: what the coordinator does, as long as a person watches."""

from __future__ import annotations

from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live

from hems.cli.status_view import status_view


class LiveScreen:
    """Draws each status over the last one; use as a context manager."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._live = Live(console=Console(), auto_refresh=False, screen=True, vertical_overflow="crop")

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, document: dict[str, Any]) -> None:
        """Draw ``document`` in what room the terminal has now."""
        size = self._live.console.size
        view = status_view(document, self._zone, width=size.width, height=size.height)
        self._live.update(view, refresh=True)
