"""``hems why``: any stored decision, explained from its record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from hems.cli.exit_codes import ExitCode
from hems.cli.plain_values import plain
from hems.cli.why_words import WHY
from hems.decision.sentences import Language, details_of, sentence_of
from hems.decision.wording import Wording
from hems.domain.command import Command
from hems.domain.decision import Decision, Proposal, ScoreResult
from hems.domain.orders import ORDER_SOURCE
from hems.domain.plan import Choice
from hems.domain.record import ActionRecord, CycleRecord
from hems.domain.time_grid import local_day_bounds, require_utc

if TYPE_CHECKING:
    from hems.composition.stored_decisions import FoundDecision

_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

SCHEMA = 1
"""Raised when a field of the document changes its meaning or goes."""


def register(app: typer.Typer) -> None:
    """Add ``hems why``."""

    @app.command()
    def why(
        at: Annotated[
            str | None, typer.Option("--at", help="Local time such as 13:45 or 2026-11-01T13:45; the newest one.")
        ] = None,
        lang: Annotated[Language | None, typer.Option(help="Language of the answer; the configured one.")] = None,
        config: Annotated[Path | None, typer.Option(help="The configuration to use.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Explain a decision from its record: reason, money, safety, what was done, what others would have done.

        Exit codes: 0 explained, 1 no decision is stored for that time, 2 a time or a configuration that cannot be read.
        """
        raise typer.Exit(show_why(config, at, lang=lang, as_json=as_json))


def show_why(config: Path | None, at: str | None, *, lang: Language | None, as_json: bool) -> int:
    """Print why the decision in force at ``at`` was made and return the exit code.

    Raises: typer.BadParameter: no time, or one to come; ConfigurationError; StorageError: the database cannot be read.
    """
    from hems.composition.stored_decisions import find_decision, site_now

    asked = None
    if at is not None:
        now, zone = site_now(config)
        asked = asked_moment(at, now, zone)
    found = find_decision(config, asked)
    language = lang or found.language
    if as_json:
        print(json.dumps(as_document(found, asked), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        for line in explanation_of(found, asked, language):
            print(line)
    return ExitCode.FAILED if found.record is None else ExitCode.OK


def asked_moment(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment of ``text``: a local time of the last 24 hours, or an ISO time, local unless it has a zone.

    Raises: typer.BadParameter: neither, or a time to come.
    """
    try:
        moment = _moment_of(text, now, zone)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is not a time: write 13:45, 2026-11-01T13:45 or 2026-11-01") from error
    if moment > now:
        raise typer.BadParameter(f"{text!r} is still to come: `hems plan` tells what is planned")
    return moment


def _moment_of(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    today = now.astimezone(zone).date()
    if _CLOCK.fullmatch(text):
        clock = time.fromisoformat(text.zfill(len("07:00")))
        moment = require_utc(datetime.combine(today, clock, tzinfo=zone))
        if moment > now:
            moment = require_utc(datetime.combine(today - timedelta(days=1), clock, tzinfo=zone))
        return moment
    if _DAY.fullmatch(text):  # a day is asked for by its end, but not beyond now
        start, end = local_day_bounds(date.fromisoformat(text), zone)
        return min(end - timedelta(microseconds=1), max(now, start))
    if not _DAY.match(text):  # Python also reads 20261101 and 2026-W44-7, which nobody means here
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return require_utc(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone))


def explanation_of(found: FoundDecision, asked: datetime | None, language: Language) -> Iterator[str]:
    """Yield the lines of the explanation."""
    told, record = WHY[language], found.record
    if record is None:
        when = f"{(asked or found.now).astimezone(found.zone):%Y-%m-%d %H:%M}"
        name = "none" if asked is None else "none_before"
        yield told[name].format(place=found.database, at=when)
        return
    decision = record.decision
    words = Wording(language, found.zone, decision.at)
    yield _decided(decision, words, found.zone, told)
    if asked is not None and asked > decision.command.expires_at:
        yield told["ended"].format(
            asked=_local(asked, found.zone), ended=_local(decision.command.expires_at, found.zone)
        )
    yield from _reasons(decision, found.zone, language)
    yield told["by_person" if decision.source == ORDER_SOURCE else "by"].format(
        source=_plain_words(decision.source),
        trigger=told[f"trigger.{record.trigger.value}"],
        confidence=words.percent(decision.confidence_pct),
    )
    yield told[decision.verdict].format(causes="; ".join(decision.causes))
    yield _done(record.action, told)
    yield from _others(record, words, told)
    if decision.score is not None:
        yield from _score(decision.score, words, told)


def _decided(decision: Decision, words: Wording, zone: ZoneInfo, told: Any) -> str:
    command = decision.command
    line = told["decided"].format(at=_local(decision.at, zone), mode=words.mode(command.mode, command.power_w))
    if command.target_soc_pct is not None:
        line += told["target"].format(target=words.percent(command.target_soc_pct))
    if command.export_limit_w is not None:
        line += told["limit"].format(power=words.power(command.export_limit_w))
    return str(line + told["valid"].format(ended=_local(command.expires_at, zone)))


def plan_proposal(decision: Decision) -> Proposal | None:
    """Return what the plan proposed, in charge or in the shadow; None where no plan was made."""
    made = (*decision.proposals, *decision.shadows)
    return next((proposal for proposal in made if proposal.reasoning is not None), None)


def is_as_planned(decision: Decision, proposal: Proposal) -> bool:
    """Return whether what was decided is what the plan asked for."""
    asked, done = proposal.command, decision.command
    same = (asked.mode, asked.export_limit_w) == (done.mode, done.export_limit_w)
    return decision.source == proposal.source and same and asked.power_w == done.power_w


def _reasons(decision: Decision, zone: ZoneInfo, language: Language) -> Iterator[str]:
    """Yield the plan's sentence and details where there is a plan, and what was recorded where that says more."""
    told, proposal = WHY[language], plan_proposal(decision)
    if proposal is None or proposal.reasoning is None:
        yield told["recorded"].format(reason=decision.reason)
        return
    chosen = _choice(proposal.command)
    sentence = sentence_of(proposal.reasoning, chosen, zone=zone, now=decision.at, language=language)
    if is_as_planned(decision, proposal):
        yield sentence
    else:
        yield told["recorded"].format(reason=decision.reason)
        yield told["wished"].format(sentence=sentence)
    details = details_of(proposal.reasoning, chosen, zone=zone, now=decision.at, language=language)
    yield from (f"  {line}" for line in details)


def _choice(command: Command) -> Choice:
    return Choice(mode=command.mode, power_w=command.power_w, export_limit_w=command.export_limit_w, costs_more=0.0)


def _done(action: ActionRecord | None, told: Any) -> str:
    if action is None:
        return str(told["nothing_sent"])
    detail = getattr(action.result, "detail", "")
    line = told[type(action.result).__name__] + (f" ({detail})" if detail else "")
    return str(line + told["writes"].format(count=action.register_writes, today=action.writes_today))


def _others(record: CycleRecord, words: Wording, told: Any) -> Iterator[str]:
    decision = record.decision
    others = [proposal for proposal in decision.proposals if proposal.source != decision.source]
    others += decision.shadows
    if not others:
        return
    yield told["others"]
    for proposal in others:
        yield told["other"].format(
            source=_plain_words(proposal.source),
            mode=words.mode(proposal.command.mode, proposal.command.power_w),
            reason=proposal.reason,
        )


def _score(score: ScoreResult, words: Wording, told: Any) -> Iterator[str]:
    total = told["unknown"] if score.total is None else words.number(score.total, 1)
    yield told["score"].format(total=total)
    for factor in score.factors:
        value = told["unknown"] if factor.value is None else f"{words.number(factor.value, 0)} {factor.unit}"
        points = told["unknown"] if factor.points is None else words.number(factor.points, 0)
        yield told["factor"].format(
            name=_plain_words(factor.name.value), value=value, points=points, weight=words.number(factor.weight)
        )


def as_document(found: FoundDecision, asked: datetime | None) -> dict[str, Any]:
    """Return the explanation for a program: the record's decision whole, sentences in every language, times in UTC."""
    record = found.record
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "time_zone": found.zone.key,
        "asked_at": plain(asked),
        "decision": None,
    }
    if record is None:
        document["problem"] = next(explanation_of(found, asked, Language.ENGLISH))
        return document
    decision, proposal = record.decision, plan_proposal(record.decision)
    reasoning = None if proposal is None else proposal.reasoning
    document["problem"] = None
    document["in_force"] = asked is None or asked <= decision.command.expires_at
    document["decision"] = plain(decision)
    document["trigger"] = record.trigger.value
    document["action"] = plain(record.action)
    document["result"] = None if record.action is None else type(record.action.result).__name__
    document["as_planned"] = None if proposal is None else is_as_planned(decision, proposal)
    document["sentence"], document["details"] = {}, {}
    if proposal is not None and reasoning is not None:
        for one in Language:
            chosen, zone, at = _choice(proposal.command), found.zone, decision.at
            document["sentence"][one.value] = sentence_of(reasoning, chosen, zone=zone, now=at, language=one)
            document["details"][one.value] = details_of(reasoning, chosen, zone=zone, now=at, language=one)
    return document


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _plain_words(name: str) -> str:
    return name.replace("_", " ")
