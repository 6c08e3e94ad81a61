"""What is kept of passwords, tokens and sessions: it opens nothing, is closed to others, and is read strictly."""

from __future__ import annotations

import copy
import errno
import hmac
import json
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from hems.adapters.storage.backup import make_backup
from hems.adapters.storage.json_text import write_json_atomically
from hems.adapters.storage.sqlite_schema import DATABASE_NAME
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.domain.errors import RejectedData, StorageError
from hems.web.access import access_file, passwords, records
from hems.web.access.access_file import FollowedAccess, Unreadable, changing, read_access, write_access
from hems.web.access.passwords import hash_password, is_password, why_unfit
from hems.web.access.records import TOKENS_MAX, Access, access_from_json, access_to_json, new_token
from hems.web.access.sessions import SessionBook, csrf_token_of
from support.door_tools import PASSWORD, START, HandClock, kept_password, token_for


def test_a_password_is_kept_as_what_cannot_be_turned_back() -> None:
    first, second = hash_password("correct horse", START), hash_password("correct horse", START)
    assert (first.n, first.r, first.p, len(first.salt), len(first.key)) == (2**15, 8, 1, 16, 32)
    assert first.salt != second.salt
    assert first.key != second.key
    assert first.mark != second.mark
    assert is_password("correct horse", first)
    assert not is_password("correct horse ", first)
    assert not is_password("\ud800" * 8, first)
    assert first.key.hex() not in repr(first)
    assert str(first.key) not in repr(first)


@pytest.mark.parametrize(
    ("password", "is_fit"),
    [
        ("1234567", False),
        ("12345678", True),
        ("ąęółżźćń", True),
        ("x" * 1024, True),
        ("x" * 1025, False),
        ("tab\tinside", False),
        ("null\0inside", False),
        ("\ud800abcdefgh", False),
        (" spaces count ", True),
    ],
)
def test_which_passwords_are_fit(password: str, is_fit: bool) -> None:
    assert (why_unfit(password) is None) is is_fit
    if not is_fit:
        with pytest.raises(ValueError, match="A password"):
            hash_password(password, START)


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []
    constant_time = hmac.compare_digest

    def compare(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return constant_time(one, other)

    monkeypatch.setattr(passwords.hmac, "compare_digest", compare)
    assert records.hmac is passwords.hmac
    (key, kept), (_, other) = token_for("read"), token_for("read")
    access = Access(tokens=(replace(other, name="b"), kept, replace(other, name="c")))
    assert access.token_of(key, START) is kept
    assert len(compared) == 3, "the search does not end where it has found"
    assert is_password(PASSWORD, kept_password())
    assert len(compared) == 4


def test_what_is_written_is_read_again() -> None:
    _, kept = token_for("control", START + timedelta(days=1))
    access = Access(password=kept_password(), tokens=(kept,))
    assert access_from_json(json.loads(json.dumps(access_to_json(access)))) == access
    assert access_from_json(access_to_json(Access())) == Access()


def test_a_token_has_256_bits_and_is_not_kept() -> None:
    secret, kept = new_token("ha", "read", START, None)
    assert len(secret) == len("hems_") + 43
    text = json.dumps(access_to_json(Access(tokens=(kept,))))
    assert secret not in text
    assert secret[5:-4] not in text
    assert secret not in repr(kept)
    assert kept.digest not in repr(kept)
    assert secret.endswith(kept.last_four)


def _set(*path: Any) -> Callable[[Any], None]:
    *way, last, value = path

    def change(body: Any) -> None:
        for step in way:
            body = body[step]
        body[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("version", 2),
        _set("version", None),
        _set("password", {}),
        _set("password", False),
        _set("password", "secret"),
        _set("password", "scheme", "plain"),
        _set("password", "n", 2),
        _set("password", "n", 2**24),
        _set("password", "n", 2**14 + 1),
        _set("password", "n", "32768"),
        _set("password", "r", 0),
        _set("password", "p", True),
        _set("password", "p", 100),
        _set("password", "salt", "zz"),
        _set("password", "salt", "00"),
        _set("password", "key", ""),
        _set("password", "set_at", "2026-11-23T06:00:00"),
        _set("tokens", None),
        _set("tokens", {}),
        _set("tokens", [None]),
        _set("tokens", 0, "scopes", ["admin"]),
        _set("tokens", 0, "scopes", ["control"]),
        _set("tokens", 0, "scopes", "read"),
        _set("tokens", 0, "sha256", "x" * 64),
        _set("tokens", 0, "sha256", ""),
        _set("tokens", 0, "name", "\x1b[2J"),
        _set("tokens", 0, "name", None),
        _set("tokens", 0, "expires_at", "soon"),
        _set("tokens", 0, "last_four", 4),
    ],
)
def test_what_is_not_wholly_understood_is_refused(change: Callable[[Any], None]) -> None:
    _, kept = token_for("read")
    body = access_to_json(Access(password=kept_password(), tokens=(kept,)))
    access_from_json(copy.deepcopy(body))
    change(body)
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in its own words
        access_from_json(body)


def test_two_of_a_name_and_too_many_are_refused() -> None:
    _, kept = token_for("read")
    for tokens in ((kept, kept), tuple(replace(kept, name=f"t{number}") for number in range(TOKENS_MAX + 1))):
        with pytest.raises(ValueError, match="token"):
            access_from_json(access_to_json(Access(tokens=tokens)))


def test_files_are_for_the_services_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_access(tmp_path / "web", Access(password=kept_password()))
        book = SessionBook(tmp_path / "web", HandClock().now)
        session_id, session = book.begin("0" * 32)
        book.save()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "web", *(tmp_path / "web").iterdir()]}
    assert modes == {"web": 0o750, "access.json": 0o600, "sessions.json": 0o600}
    text = (tmp_path / "web" / "sessions.json").read_text()
    assert session.digest in text
    assert session_id not in text
    assert csrf_token_of(session_id) not in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_what_root_sets_the_service_can_read(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    write_access(tmp_path / "web", Access())
    for path in (tmp_path / "web", tmp_path / "web" / "access.json"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_a_backup_holds_no_keys(tmp_path: Path) -> None:
    SqliteStore(StoreOptions(path=tmp_path / "out" / DATABASE_NAME)).close()
    write_access(tmp_path / "out" / "web", Access(password=kept_password()))
    (tmp_path / "out" / "system_state").mkdir()
    (tmp_path / "out" / "system_state" / "web.json").write_text("{}")
    done = make_backup(tmp_path / "out", tmp_path / "backup.tar.gz")
    assert set(done.contents) == {f"out/{DATABASE_NAME}", "out/system_state/web.json"}


def test_a_planted_link_leads_nowhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "web").symlink_to(elsewhere)
    with pytest.raises(StorageError, match="a link stands in its place"):
        write_access(tmp_path / "web", Access())
    with pytest.raises(StorageError, match="a link stands in its place"), changing(tmp_path / "web"):
        pass
    assert list(elsewhere.iterdir()) == []
    (tmp_path / "web").unlink()
    write_access(tmp_path / "web", Access())
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / "web" / "access.json").unlink()
    (tmp_path / "web" / "access.json").symlink_to(target)
    write_access(tmp_path / "web", Access())
    assert target.read_text() == "kept"


def test_other_files_keep_their_rights(tmp_path: Path) -> None:
    write_json_atomically(tmp_path / "status.json", {})
    assert stat.S_IMODE((tmp_path / "status.json").stat().st_mode) == 0o640


def test_two_changes_at_a_time_lose_nothing(tmp_path: Path) -> None:
    def add(number: int) -> None:
        with changing(tmp_path / "web"):
            access = read_access(tmp_path / "web") or Access()
            _, kept = new_token(f"t{number}", "read", START, None)
            write_access(tmp_path / "web", Access(tokens=(*access.tokens, kept)))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    access = read_access(tmp_path / "web")
    assert access is not None
    assert {token.name for token in access.tokens} == {f"t{number}" for number in range(10)}


def test_the_file_is_read_only_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def counted(directory: Path) -> Access | None:
        reads.append(directory)
        return read_access(directory)

    monkeypatch.setattr(access_file, "read_access", counted)
    followed = FollowedAccess(tmp_path)
    assert followed.now() == Access()
    for number in range(3):
        _, kept = new_token(f"t{number}", "read", START, None)
        write_access(tmp_path, Access(tokens=(kept,)))
        assert all(followed.now() == Access(tokens=(kept,)) for _ in range(5))
    assert len(reads) == 4
    (tmp_path / "access.json").unlink()
    assert isinstance(followed.now(), Unreadable)


def test_a_damaged_file_that_is_deleted_is_still_no_open_door(tmp_path: Path) -> None:
    (tmp_path / "access.json").write_text("{")
    followed = FollowedAccess(tmp_path)
    assert isinstance(followed.now(), Unreadable)
    (tmp_path / "access.json").unlink()
    assert isinstance(followed.now(), Unreadable)


def test_a_file_of_somebody_else_is_told_with_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, _limit: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(access_file, "read_json_file", refused)
    with pytest.raises(StorageError, match=r"Permission denied.*sudo"):
        read_access(tmp_path)
    assert isinstance(FollowedAccess(tmp_path).now(), Unreadable)


def test_times_are_kept_in_utc(tmp_path: Path) -> None:
    write_access(tmp_path, Access(password=kept_password()))
    access = read_access(tmp_path)
    assert access is not None
    assert access.password is not None
    assert access.password.set_at.tzinfo is UTC
    (tmp_path / "access.json").write_text("[" * 99_000)
    with pytest.raises(RejectedData, match="damaged"):
        read_access(tmp_path)
