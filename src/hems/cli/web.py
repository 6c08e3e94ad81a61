"""``hems web``: the password of the dashboard, the tokens of programs, and the address to open."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer

from hems.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from hems.config.models import Configuration
    from hems.web.access.records import Access, Token

Config = Annotated[Path | None, typer.Option(help="The configuration to use.")]
Name = Annotated[str, typer.Argument(help="What the token is for, such as home-assistant.")]


class TokenScope(StrEnum):
    """What a token lets do."""

    READ = "read"
    CONTROL = "control"


def register(app: typer.Typer) -> None:
    """Add the sub-commands of ``hems web`` to ``app``."""
    web = typer.Typer(no_args_is_help=True, help="Who may use the dashboard and its API, and where they are.")
    token = typer.Typer(no_args_is_help=True, help="Keys of programs.")
    web.command("passwd")(passwd)
    web.command("address")(address)
    token.command("create")(create_token)
    token.command("list")(list_tokens)
    token.command("revoke")(revoke_token)
    web.add_typer(token, name="token")
    app.add_typer(web, name="web")


def passwd(
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from the first line of the input.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Have no password any more.")] = False,
    config: Config = None,
) -> None:
    """Set the password of the dashboard: asked for twice. Whoever is logged in has to log in again; no restart."""
    if stdin and remove:
        _refuse("Say either --stdin or --remove.")
    house = _house_of(config)
    password = None if remove else _password_from_input() if stdin else _password_from_terminal()
    from hems.adapters.clock import SystemClock
    from hems.domain.errors import RejectedData
    from hems.web.access.access_file import changing, read_access, write_access
    from hems.web.access.passwords import hash_password
    from hems.web.access.records import Access

    kept = None if password is None else hash_password(password, SystemClock().now())
    with changing(house.directory):
        try:
            before = read_access(house.directory) or Access()
        except RejectedData as error:
            typer.echo(f"{error}\nIt is written anew; tokens that were in it are gone.", err=True)
            before = Access()
        write_access(house.directory, replace(before, password=kept))
    typer.echo(_told_of_password(house, is_set=kept is not None, was_set=before.password is not None))


def address(config: Config = None) -> None:
    """Say where the dashboard is and whether it answers: exit code 0 where it does."""
    from hems.web.access.opening import why_closed

    house = _house_of(config)
    settings = house.settings.web
    if not settings.enabled:
        typer.echo("The dashboard is switched off: web.enabled is false.")
        raise typer.Exit(ExitCode.FAILED)
    for one in addresses_of(settings.host, settings.port):
        typer.echo(one)
    closed = why_closed(settings.host, house.directory)
    problem = closed or _why_silent(settings.host, settings.port)
    typer.echo(problem or "It answers.", err=problem is not None)
    raise typer.Exit(ExitCode.OK if problem is None else ExitCode.FAILED)


def create_token(
    name: Name,
    scope: Annotated[TokenScope, typer.Option(help="read: look only; control: give orders, too.")],
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="When it expires; left out: never.")] = None,
    config: Config = None,
) -> None:
    """Make a token for a program and print it, this once: only what cannot be turned back into it is kept."""
    from hems.adapters.clock import SystemClock
    from hems.web.access.records import TOKEN_NAME, TOKENS_MAX, new_token

    if not TOKEN_NAME.fullmatch(name):
        _refuse("A name has up to 50 letters, digits, spaces, and . _ - inside.")
    now = SystemClock().now()
    with _changed(_house_of(config)) as change:
        if any(token.name == name for token in change.access.tokens):
            _refuse(f"There is a token {name} already: revoke it first, or take another name.")
        if len(change.access.tokens) >= TOKENS_MAX:
            _refuse(f"There are {TOKENS_MAX} tokens, which is the most: revoke one first.")
        expires_at = None if days is None else now + timedelta(days=days)
        secret, token = new_token(name, scope.value, now, expires_at)
        change.access = replace(change.access, tokens=(*change.access.tokens, token))
    typer.echo(secret)
    typer.echo("Keep it now: it is not shown again. It is sent as `Authorization: Bearer ...`.", err=True)


def list_tokens(config: Config = None) -> None:
    """List the tokens: what each may do, since when and until when, and its last four characters."""
    from hems.adapters.clock import SystemClock
    from hems.web.access.access_file import read_access
    from hems.web.access.records import Access

    house = _house_of(config)
    tokens = (read_access(house.directory) or Access()).tokens
    if not tokens:
        typer.echo("There are no tokens.")
        return
    width, now = max(len(token.name) for token in tokens), SystemClock().now()
    for token in tokens:
        typer.echo(f"{token.name:{width}}  {token.scope:7}  ...{token.last_four}  {_span(token, house.zone, now)}")


def revoke_token(name: Name, config: Config = None) -> None:
    """Revoke a token: it opens nothing from now on."""
    with _changed(_house_of(config)) as change:
        left = tuple(token for token in change.access.tokens if token.name != name)
        if len(left) == len(change.access.tokens):
            typer.echo(f"There is no token {name}: see `hems web token list`.", err=True)
            raise typer.Exit(ExitCode.FAILED)
        change.access = replace(change.access, tokens=left)
    typer.echo(f"The token {name} is revoked.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _House:
    settings: Configuration
    directory: Path

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.site.time_zone)


@dataclass(slots=True)
class _Change:
    access: Access


def _house_of(config: Path | None) -> _House:
    from hems.config.loader import default_config_path, load_configuration, resolve_directory
    from hems.web.access.access_file import DIRECTORY

    path = config if config is not None else default_config_path()
    settings = load_configuration(path)
    return _House(settings=settings, directory=resolve_directory(path, settings.storage.directory) / DIRECTORY)


@contextmanager
def _changed(house: _House) -> Iterator[_Change]:
    """Yield what is set, to be changed; it is written where the block ends well. Raises: StorageError, RejectedData."""
    from hems.web.access.access_file import changing, read_access, write_access
    from hems.web.access.records import Access

    with changing(house.directory):
        before = read_access(house.directory) or Access()
        change = _Change(before)
        yield change
        write_access(house.directory, change.access)


def _password_from_terminal() -> str:
    import getpass

    from hems.web.access.passwords import why_unfit

    if not sys.stdin.isatty():
        _refuse("This is no terminal to ask at: give the password with --stdin.")
    password = getpass.getpass("New password: ")
    problem = why_unfit(password)
    if problem is not None:
        _refuse(problem)
    if getpass.getpass("Once more: ") != password:
        _refuse("The two differ; nothing is changed.")
    return password


def _password_from_input() -> str:
    from hems.web.access.passwords import PASSWORD_MAX_LENGTH, why_unfit

    content = sys.stdin.buffer.readline(PASSWORD_MAX_LENGTH * 4 + 3)
    try:
        password = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        _refuse("The input is not UTF-8 text.")
    problem = why_unfit(password)
    if problem is not None:
        _refuse(problem)
    return password


def _told_of_password(house: _House, *, is_set: bool, was_set: bool) -> str:
    from hems.web.access.origins import is_loopback

    if is_set:
        return "The password is set. Whoever was logged in has to log in again." if was_set else "The password is set."
    if not was_set:
        return "There was no password."
    if is_loopback(house.settings.web.host):
        return "The password is removed: whoever uses this very machine is let in, nobody else."
    return (
        f"The password is removed: on {house.settings.web.host} nobody is let in now, and the dashboard stays closed."
    )


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses to open in a browser for a service that listens on ``host``."""
    import ipaddress

    from hems.adapters.local_networks import local_networks

    listening = ipaddress.ip_address(host)
    names = [host]
    if listening.is_unspecified:
        names = ["localhost"]
        if listening.version == 4:
            try:
                own = [network.address for network in local_networks() if network.is_connected]
            except OSError:
                own = []
            names += [str(found) for found in own if not found.is_loopback]
    return [f"http://{f'[{name}]' if ':' in name else name}:{port}/" for name in names]


def _why_silent(host: str, port: int) -> str | None:
    """Return why the dashboard does not answer, or None where it does. No proxy is asked: it is this machine's."""
    import http.client
    import ipaddress

    listening = ipaddress.ip_address(host)
    reached = ("127.0.0.1" if listening.version == 4 else "::1") if listening.is_unspecified else host
    connection = http.client.HTTPConnection(reached, port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"It does not answer ({error}). Does the service run? `hems status`"
    finally:
        connection.close()
    # 503: the service says itself that it is not well, and does answer.
    return None if status in (200, 503) else f"Something else answers there (/healthz: {status}): see web.port."


def _span(token: Token, zone: ZoneInfo, now: datetime) -> str:
    since = f"since {token.created_at.astimezone(zone):%Y-%m-%d}"
    if token.expires_at is None:
        return f"{since}, without end"
    word = "until" if token.holds(now) else "EXPIRED"
    return f"{since}, {word} {token.expires_at.astimezone(zone):%Y-%m-%d %H:%M}"


def _refuse(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(ExitCode.USAGE)
