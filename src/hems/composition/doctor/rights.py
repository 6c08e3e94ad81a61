"""Who owns the files, who may read them, and whether the service's user may do its work."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from hems.adapters.daemon_thread import in_daemon_thread
from hems.adapters.systemd import UnitState, unit_state
from hems.composition.doctor.house import House
from hems.composition.doctor.model import Catalogue, Finding, Group

FILES_LOOKED_AT = 5000

CATALOGUE = Catalogue(Group.RIGHTS)

GOOD = CATALOGUE.fine("rights_good", "Rights in order")
NOTHING_THERE = CATALOGUE.unknown(
    "rights_nothing_there", "Rights not checked", "there are no files yet", "Start the service"
)
NO_USER = CATALOGUE.problem(
    "rights_user_missing",
    "Service's user missing",
    "the unit names a user that this machine does not know: the service cannot start",
    "Run scripts/ubuntu_setup.sh again; it makes the user",
)
CONFIG_UNREADABLE = CATALOGUE.problem(
    "rights_configuration_unreadable",
    "Service may not read its configuration",
    "the user that runs the service is not allowed to read the configuration file",
    "Give it to the service's group, readable: see docs/installation.md",
)
NOT_WRITABLE = CATALOGUE.problem(
    "rights_not_writable",
    "Service may not write",
    "the user that runs the service is not allowed to write where data and logs are kept",
    "Give the directory to it: see docs/installation.md",
)
OTHER_OWNER = CATALOGUE.problem(
    "rights_other_owner",
    "Files of another user",
    "files among the service's belong to somebody else, often since it was once run as root: it cannot renew them",
    "Give them back: see docs/installation.md",
)
OPEN_TO_ALL = CATALOGUE.warning(
    "rights_readable_by_all",
    "Readable by everybody",
    "every user of this machine may read what tells of the household",
    "Close them to others: see docs/installation.md",
)
CONFIG_OPEN_TO_ALL = CATALOGUE.warning(
    "rights_configuration_readable_by_all",
    "Configuration readable by everybody",
    "every user of this machine may read the configuration",
    "Close it to others: chmod o= FILE",
)
CONFIG_WRITABLE = CATALOGUE.problem(
    "rights_configuration_writable",
    "Configuration can be changed by others",
    "whoever may write this file decides what the battery does",
    "Let only its owner write it: chmod go-w FILE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who runs the service."""

    name: str
    uid: int
    gids: frozenset[int]

    def may(self, found: os.stat_result, wanted: int) -> bool:
        """Return whether the mode bits grant ``wanted`` (4 read, 2 write, 1 enter) to this user."""
        if self.uid == 0:
            return True
        if found.st_uid == self.uid:
            bits = found.st_mode >> 6
        elif found.st_gid in self.gids:
            bits = found.st_mode >> 3
        else:
            bits = found.st_mode
        return bits & wanted == wanted


async def rights_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of owners and modes."""
    unit = await unit_state()
    return await in_daemon_thread(lambda: _rights(house, unit))


def _rights(house: House, unit: UnitState | None) -> list[Finding]:
    try:
        user = user_of(unit, house.data)
    except KeyError as missing:
        return [NO_USER(f"the unit's user {missing} does not exist")]
    findings = list(_of_configuration(house.path, user))
    places = [place for place in (house.data, house.logs) if place.is_dir()]
    if user is not None:
        for place in places:
            findings += _of_directory(place, user)
    findings += _open_to_all(places)
    if findings:
        return findings
    if not places:
        return [NOTHING_THERE(f"neither {house.data} nor {house.logs} exists")]
    return [GOOD(f"{', '.join(map(str, places))}" + (f" belong to {user.name}" if user is not None else ""))]


def user_of(unit: UnitState | None, data: Path) -> User | None:
    """Return who runs the service: the installed unit's user, else the data's owner; None where nothing tells.

    Raises: KeyError: the unit names a user that does not exist.
    """
    name = unit.user if unit is not None and unit.is_installed else ""
    if name:
        return _user(pwd.getpwnam(name))
    try:
        return _user(pwd.getpwuid(data.stat().st_uid))
    except (OSError, KeyError):
        return None


def _user(entry: pwd.struct_passwd) -> User:
    gids = frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return User(name=entry.pw_name, uid=entry.pw_uid, gids=gids)


def _of_configuration(path: Path, user: User | None) -> Iterator[Finding]:
    try:
        found = path.stat()
    except OSError:
        return  # the group of the configuration tells
    mode = stat.S_IMODE(found.st_mode)
    if user is not None and not user.may(found, 4):
        yield CONFIG_UNREADABLE(
            f"{path} ({mode:04o}) may not be read by {user.name}", f"chgrp {user.name} {path} && chmod 0640 {path}"
        )
    if mode & 0o022:
        yield _named(CONFIG_WRITABLE(f"{path} has mode {mode:04o}"), path)
    if mode & 0o004:
        yield _named(CONFIG_OPEN_TO_ALL(f"{path} has mode {mode:04o}"), path)


def _named(finding: Finding, path: Path) -> Finding:
    """Return the finding with the file's name in its advice, ready to be copied."""
    return replace(finding, advice=tuple(text.replace("FILE", str(path)) for text in finding.advice))


def _of_directory(place: Path, user: User) -> Iterator[Finding]:
    fix = f"chown -R {user.name}: {place}"
    if not user.may(place.stat(), 3):
        yield NOT_WRITABLE(f"{place} may not be written by {user.name}", fix)
    others = [path for path, found in _files(place) if found.st_uid != user.uid]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        yield OTHER_OWNER(f"{others[0]}{more} do not belong to {user.name}", fix)


def _open_to_all(places: Sequence[Path]) -> Iterator[Finding]:
    """Yield the files that everybody may read; what lies in a closed directory is closed."""
    for place in places:
        if not place.stat().st_mode & 0o001:
            continue
        opened = [path for path, found in _files(place) if found.st_mode & 0o004 and stat.S_ISREG(found.st_mode)]
        if opened:
            more = f" and {len(opened) - 1} more" if len(opened) > 1 else ""
            yield OPEN_TO_ALL(f"{opened[0]}{more}", f"chmod -R o= {place}")


def _files(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    def walk() -> Iterator[tuple[Path, os.stat_result]]:
        for folder, directories, names in os.walk(place):
            for name in (*directories, *names):
                path = Path(folder, name)
                try:
                    yield path, path.lstat()
                except OSError:
                    continue  # removed meanwhile

    return islice(walk(), FILES_LOOKED_AT)
