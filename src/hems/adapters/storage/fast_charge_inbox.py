"""The file through which a person's fast-charge request reaches the service, also while the service is down."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from hems.adapters.storage.disk import why_refused
from hems.adapters.storage.json_text import write_json_atomically
from hems.domain.errors import RejectedData
from hems.domain.fast_charge import FastChargeRequest
from hems.domain.time_grid import require_utc
from hems.plain_files import read_json_file

_log = logging.getLogger(__name__)

REQUEST_MAX_BYTES = 10_000
"""A request has 150 bytes."""

NAME_LENGTH = 100
"""Characters kept of the name of who asked."""


class FileFastChargeInbox:
    """The file through which a person's request reaches the service."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._request: FastChargeRequest | None = None

    def read(self) -> FastChargeRequest | None:
        """Return the request, or None where there is none.

        Raises: RejectedData: the file is there but does not hold a request, or the disk does not give it.
        """
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._seen = self._request = None
            return None
        except OSError as error:
            raise RejectedData(f"{self._path}: not read: {error.strerror or error}") from error
        mark = (stat.st_mtime_ns, stat.st_size)
        if mark == self._seen:
            return self._request
        self._request = _parse(self._path)
        self._seen = mark
        return self._request

    def write(self, request: FastChargeRequest) -> None:
        """Leave ``request`` for the service, replacing an earlier one; whole or not at all, also after a power cut.

        Raises: StorageError: the disk refuses; an earlier request stays.
        """
        body = {
            "target_soc_pct": request.target_soc_pct,
            "deadline": request.deadline.isoformat(),
            "asked_at": request.asked_at.isoformat(),
            "by": request.by,
        }
        write_json_atomically(self._path, body)
        self._seen = None  # two requests of one instant may bear the same time and size

    def clear(self) -> bool:
        """Withdraw the request; return whether there was one.

        A request that was read here is over even where the disk does not let go of its file: that is logged, and the
        file counts again only when it changes, since a full or read-only disk must not end the service.
        Raises: RejectedData: the disk does not let go of a request that was not read here.
        """
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            reason = f"{self._path}: the request is not withdrawn: {why_refused(error)}"
            if self._request is None:
                raise RejectedData(reason) from error
            self._request = None  # and what was seen stays seen
            _log.warning("%s", reason)
        return True


def _parse(path: Path) -> FastChargeRequest:
    try:
        body = read_json_file(path, REQUEST_MAX_BYTES)
        target = float(body["target_soc_pct"])
        request = FastChargeRequest(
            target_soc_pct=target,
            deadline=require_utc(datetime.fromisoformat(body["deadline"])),
            asked_at=require_utc(datetime.fromisoformat(body["asked_at"])),
            by=None if body.get("by") is None else str(body["by"])[:NAME_LENGTH],
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise RejectedData(
            f"{path}: not a fast-charge request ({error}); give it again with `hems fast-charge --to 90 --by 07:00`"
        ) from error
    if not 0 < target <= 100:
        raise RejectedData(f"{path}: a target of {target} % is not between 0 and 100")
    return request
