"""What the last run controlled, and the configuration it did so with: for a restore after any end of the service.

    in_control.json         the inverter that was taken over, how it is reached, and whether it was given back since
    last_known_good.yaml    the configuration as it was then, word for word, references to secrets unresolved

Both are kept in every place that a restore may look into. Light on imports: the restore hook has seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hems.adapters.inverters.goodwe import GoodWeOptions, RetryOptions
from hems.composition.kept_files import keep

RECORD = "in_control.json"
GOOD_CONFIGURATION = "last_known_good.yaml"
FORMAT = 1
USER_SETTINGS_FILE = "inverter_user_settings.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRecord:
    """One inverter in the coordinator's hands; ``ended`` says since when it is in its owner's again."""

    inverter: GoodWeOptions
    serial_number: str
    data: Path
    configuration: Path
    fingerprint: str
    """Of the configuration's text: the same text needs no reading to know which inverter it names."""
    since: datetime
    places: tuple[Path, ...]
    """Where this record was put."""
    ended: datetime | None = None
    unseen: int = 0
    """How often the hook has written self-use to it without being able to read it."""
    unseen_at: datetime | None = None
    """When it did so last."""


def fingerprint_of(content: bytes) -> str:
    """Return what tells one configuration's text from another."""
    return hashlib.sha256(content).hexdigest()


def read_record(places: Iterable[Path]) -> ControlRecord | None:
    """Return the record in the first place that has one; what cannot be understood is none."""
    for place in places:
        try:
            return _parse(json.loads((place / RECORD).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return None


def write_record(record: ControlRecord) -> list[str]:
    """Keep ``record`` in all its places; return what the disk said where it refused."""
    return keep(RECORD, (json.dumps(_as_json(record), indent=1) + "\n").encode(), record.places)


def end_record(record: ControlRecord, now: datetime) -> list[str]:
    """Note, where the record lies, that the inverter was given back; a record of a later run stays as it is."""
    places = [place for place in record.places if _is_of_same_run(read_record([place]), record)]
    return write_record(replace(record, ended=now, places=tuple(places))) if places else []


def _is_of_same_run(found: ControlRecord | None, record: ControlRecord) -> bool:
    return found is not None and (found.since, found.serial_number) == (record.since, record.serial_number)


def keep_good_configuration(content: bytes, places: Sequence[Path]) -> list[str]:
    """Keep the text of a configuration that opened the inverter; return what the disk said where it refused."""
    return keep(GOOD_CONFIGURATION, content, places)


def _as_json(record: ControlRecord) -> dict[str, Any]:
    inverter = record.inverter
    return {
        "format": FORMAT,
        "inverter": {
            "host": inverter.host,
            "port": inverter.port,
            "family": inverter.family,
            "control": inverter.control,
            "frame_gap_s": inverter.frame_gap_s,
            "timeout_s": inverter.retry.timeout_s,
            "retries": inverter.retry.retries,
            "time_zone": str(inverter.time_zone),
        },
        "serial_number": record.serial_number,
        "data": str(record.data),
        "configuration": str(record.configuration),
        "fingerprint": record.fingerprint,
        "places": [str(place) for place in record.places],
        "since": record.since.isoformat(),
        "ended": None if record.ended is None else record.ended.isoformat(timespec="seconds"),
        "unseen": record.unseen,
        "unseen_at": None if record.unseen_at is None else record.unseen_at.isoformat(timespec="seconds"),
    }


def _parse(body: Any) -> ControlRecord:
    """Return the record; raises ValueError, KeyError, TypeError, AttributeError where it is none."""
    if body["format"] != FORMAT:
        raise ValueError(f"format {body['format']!r}")
    inverter = body["inverter"]
    return ControlRecord(
        inverter=GoodWeOptions(
            host=str(inverter["host"]),
            port=int(inverter["port"]),
            family=str(inverter["family"]),
            control=str(inverter["control"]),
            frame_gap_s=float(inverter["frame_gap_s"]),
            retry=RetryOptions(timeout_s=float(inverter["timeout_s"]), retries=int(inverter["retries"])),
            time_zone=ZoneInfo(inverter["time_zone"]),
        ),
        serial_number=str(body["serial_number"]),
        data=Path(body["data"]),
        configuration=Path(body["configuration"]),
        fingerprint=str(body["fingerprint"]),
        since=datetime.fromisoformat(body["since"]),
        places=tuple(Path(place) for place in body["places"]),
        ended=None if body["ended"] is None else datetime.fromisoformat(body["ended"]),
        unseen=int(body.get("unseen", 0)),  # records of older versions have none
        unseen_at=datetime.fromisoformat(body["unseen_at"]) if body.get("unseen_at") else None,
    )
