"""What a person ordered, in words: the reasons of decisions, what is allowed, and what came of an order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hems.decision.wording import Language, Wording
from hems.domain.command import Mode
from hems.domain.fast_charge import ChargeWhy, FastChargeRequest
from hems.domain.orders import LONGEST_ORDER, REASON_LENGTH, OrderKind, StandingOrder

FAR_DAYS = 6
"""From here on a weekday alone could be this week's or the next one's."""

ENGLISH: Mapping[str, str] = {
    "far.at": "on {day} at {clock}",
    "far.until": "until {day} {clock}",
    "reason.pause": "asked to pause {until}: nothing is forced",
    "reason.hold": "asked to hold the battery {until}",
    "reason.self_use": "asked for self-use {until}",
    "reason.charge": "asked for {soc}, ready {at}: {minutes} min of charging at {power} are needed, this quarter is "
    "one of the cheapest",
    "reason.charge_all": "asked for {soc}, ready {at}: {minutes} min of charging at {power} are needed, a reserve "
    "included, and {left} min are left, so every quarter is used",
    "reason.charge_short": "asked for {soc}, ready {at}: {minutes} min of charging at {power} are needed and {left} "
    "min are left, so every quarter is used and about {reached} will be there",
    "reason.charge_blind": "asked for {soc}, ready {at}: {minutes} min of charging at {power} are needed; not every "
    "price until then is known, so every quarter is used",
    "reason.charge_waits": "asked for {soc}, ready {at}: it charges as soon as it may",
    "reason.charge_hold": "asked for {soc}, ready {at}: what is stored is held, for before then it could not be bought "
    "again for less",
    "ended.pause": "the pause {until} is over",
    "ended.hold": "the hold {until} is over",
    "ended.self_use": "the self-use {until} is over",
    "ended.fast_charge": "the time for the fast charge to {soc} is over",
    "lapsed": "{name}, chosen by {by}, is no longer in charge: the configuration names {configured} now",
    "lost": "the orders that stood cannot be read, none stands now: {error}",
    "stop": "{by} stopped all operations{why}; they wait until a person releases the stop",
    "by.local": "somebody at this machine",
    "by.owner": "the owner",
    "who.optimal": "the plan (optimal)",
    "who.multi_factor": "the score (multi_factor)",
    "who.self_use": "self-use",
    "who.fast_charge": "the fast charge",
    "who.person": "a person's order",
    "noun.pause": "the pause {until}",
    "noun.hold": "the hold {until}",
    "noun.self_use": "self-use {until}",
    "noun.fast_charge": "the fast charge to {soc} (ready {at})",
    "in_place.pause": "{taken}, in place of the pause {until}",
    "in_place.hold": "{taken}, in place of the hold {until}",
    "in_place.self_use": "{taken}, in place of self-use {until}",
    "in_place.fast_charge": "{taken}, in place of the fast charge to {soc} (ready {at})",
    "allowed.until": "{until} is no end for this: give a time to come, at most {days} days ahead",
    "allowed.naive": "a time needs its zone",
    "allowed.target": "{soc} is no target: give a number from 1 to 100 [%]",
    "allowed.strategy": "there is no strategy {name}: choose one of {names}",
    "allowed.reason": "the reason is too long: give at most {length} characters",
    "taken.pause": "Paused {until}",
    "taken.hold": "The battery is held {until}",
    "taken.self_use": "Self-use {until}",
    "taken.fast_charge": "Charging to {soc}, ready {at}",
    "asked.pause": "Asked to pause {until}",
    "asked.hold": "Asked to hold the battery {until}",
    "asked.self_use": "Asked for self-use {until}",
    "asked.fast_charge": "Asked for {soc}, ready {at}",
    "short.fast_charge": "Charging to {soc} as fast as it can: about {reached} will be there {at}",
    "problem": "The time is too short: about {reached} instead of {soc} will be there {at}",
    "withdrawn.pause": "The pause is withdrawn",
    "withdrawn.hold": "The hold is withdrawn",
    "withdrawn.self_use": "The self-use is withdrawn",
    "withdrawn.fast_charge": "The fast charge is withdrawn",
    "withdrawn.strategy": "{name} is in charge again, as configured",
    "none.pause": "There was no pause",
    "none.hold": "There was no hold",
    "none.self_use": "No self-use was asked for",
    "none.fast_charge": "There was no fast charge",
    "none.strategy": "{name} is in charge, as configured",
    "chosen": "{name} is in charge",
    "configured": "{name} is in charge, as configured",
    "stopped": "All operations are stopped until a person releases the stop",
    "release": "Asked to release what is latched",
    "released": "Released: {causes}",
    "stop_released": "The emergency stop is released",
    "not_released": "Nothing was released",
    "nothing_held": "Nothing was held",
    "still.holds": "still held: {cause}, for it is not over ({detail})",
    "still.unknown": "still held: {cause}, for nobody can tell now whether it is over ({detail})",
    "still.clear": "still held: {cause} ({detail})",
    "now": "decided now: {mode}",
    "now.fast_charge": "your fast charge goes on first: {mode}",
    "now.order": "{order} goes on first",
    "did.Applied": "{mode} was asked of the inverter and confirmed",
    "did.NotConfirmed": "{mode} was asked of the inverter, but it does not confirm it: {detail}",
    "did.Rejected": "{mode} was refused: {detail}",
    "did.Unreachable": "{mode} was asked, but the inverter does not answer: {detail}",
    "too_little_time": "time may be too short: at this power it can take {until}",
    "did.nothing": "the inverter does so already",
    "did.unknown": "what the inverter does is not known, and it is asked again until it says so",
    "instead": "in force is {mode}",
    "unsafe": "but safety does not allow {mode} now: {causes}",
    "narrowed": "safety allows {mode}: {causes}",
    "first": "{source} goes first with {mode} ({reason})",
    "beneath": "beneath it the fast charge goes on: {mode}",
    "replaced": "a newer order has replaced it already",
    "held_until_charged": "until it is charged what is stored is held",
    "order_first": "{order} goes first",
    "both": "{other} stands as well",
    "both.later": "{other} stands as well; {own} goes first, it was given later",
    "both.pause": "{other} stands as well and waits: the pause goes first",
    "both.hold": "{other} stands as well: the battery is charged and gives nothing",
    "there_already": "the battery is at {soc} already and is charged only if it falls below",
    "soc_unknown": "the SoC is not known, so nothing is charged yet",
    "charged_anyway": "the battery is being charged now ({source})",
    "waits": "it waits for the cheapest quarters that still suffice",
    "why.not_running": "the coordinator is not running: it counts from its start on",
    "why.late": "no decision came within {seconds} s: it counts from the next one on",
    "why.ended": "the coordinator stopped before it decided",
    "why.unchanged": "so nothing had to be decided",
    "not_kept": "it would not survive a restart: {error}",
}

POLISH: Mapping[str, str] = {
    "far.at": "{day} o {clock}",
    "far.until": "do {day} {clock}",
    "reason.pause": "na polecenie: pauza {until}, nic nie jest wymuszane",
    "reason.hold": "na polecenie: bateria nie oddaje energii {until}",
    "reason.self_use": "na polecenie: autokonsumpcja {until}",
    "reason.charge": "na polecenie: {soc}, gotowe {at}; potrzeba {minutes} min ładowania mocą {power}, ten kwadrans "
    "należy do najtańszych",
    "reason.charge_all": "na polecenie: {soc}, gotowe {at}; potrzeba {minutes} min ładowania mocą {power} łącznie z "
    "rezerwą, a zostało {left} min, więc wykorzystany jest każdy kwadrans",
    "reason.charge_short": "na polecenie: {soc}, gotowe {at}; potrzeba {minutes} min ładowania mocą {power}, a zostało "
    "{left} min, więc wykorzystany jest każdy kwadrans i będzie około {reached}",
    "reason.charge_blind": "na polecenie: {soc}, gotowe {at}; potrzeba {minutes} min ładowania mocą {power}; nie każda "
    "cena do tego czasu jest znana, więc wykorzystany jest każdy kwadrans",
    "reason.charge_waits": "na polecenie: {soc}, gotowe {at}; ładowanie ruszy, gdy tylko będzie wolno",
    "reason.charge_hold": "na polecenie: {soc}, gotowe {at}; zapas jest zachowany, bo do tego czasu nie da się go "
    "taniej odkupić",
    "ended.pause": "koniec pauzy, która trwała {until}",
    "ended.hold": "koniec zachowania zapasu, które trwało {until}",
    "ended.self_use": "koniec autokonsumpcji na polecenie, która trwała {until}",
    "ended.fast_charge": "minął czas szybkiego ładowania do {soc}",
    "lapsed": "już nie decyduje {name} z wyboru ({by}): konfiguracja wskazuje teraz: {configured}",
    "lost": "zapisanych poleceń nie da się odczytać, żadne nie obowiązuje: {error}",
    "stop": "{by}: zatrzymanie wszystkich działań{why}; czekają, aż ktoś je zwolni",
    "by.local": "ktoś przy tym komputerze",
    "by.owner": "właściciel",
    "who.optimal": "plan (optimal)",
    "who.multi_factor": "ocena (multi_factor)",
    "who.self_use": "autokonsumpcja",
    "who.fast_charge": "szybkie ładowanie",
    "who.person": "polecenie osoby",
    "noun.pause": "pauza {until}",
    "noun.hold": "zachowanie zapasu {until}",
    "noun.self_use": "autokonsumpcja {until}",
    "noun.fast_charge": "szybkie ładowanie do {soc} (gotowe {at})",
    "in_place.pause": "{taken}, zamiast pauzy {until}",
    "in_place.hold": "{taken}, zamiast zachowania zapasu {until}",
    "in_place.self_use": "{taken}, zamiast autokonsumpcji {until}",
    "in_place.fast_charge": "{taken}, zamiast szybkiego ładowania do {soc} (gotowe {at})",
    "allowed.until": "{until} nie może być końcem: podaj czas w przyszłości, najwyżej {days} dni naprzód",
    "allowed.naive": "czas musi mieć strefę",
    "allowed.target": "{soc} nie może być celem: podaj liczbę od 1 do 100 [%]",
    "allowed.strategy": "nie ma strategii {name}: wybierz jedną z {names}",
    "allowed.reason": "powód jest za długi: podaj najwyżej {length} znaków",
    "taken.pause": "Pauza {until}",
    "taken.hold": "Bateria nie oddaje energii {until}",
    "taken.self_use": "Autokonsumpcja {until}",
    "taken.fast_charge": "Ładowanie do {soc}, gotowe {at}",
    "asked.pause": "Polecono pauzę {until}",
    "asked.hold": "Polecono, by bateria nie oddawała energii {until}",
    "asked.self_use": "Polecono autokonsumpcję {until}",
    "asked.fast_charge": "Polecono {soc}, gotowe {at}",
    "short.fast_charge": "Ładowanie do {soc} tak szybko, jak się da: {at} będzie około {reached}",
    "problem": "Czasu jest za mało: {at} będzie około {reached} zamiast {soc}",
    "withdrawn.pause": "Pauza odwołana",
    "withdrawn.hold": "Zachowanie zapasu odwołane",
    "withdrawn.self_use": "Autokonsumpcja odwołana",
    "withdrawn.fast_charge": "Szybkie ładowanie odwołane",
    "withdrawn.strategy": "Znów decyduje {name}, zgodnie z konfiguracją",
    "none.pause": "Nie było pauzy",
    "none.hold": "Nie było polecenia zachowania zapasu",
    "none.self_use": "Nie było polecenia autokonsumpcji",
    "none.fast_charge": "Nie było szybkiego ładowania",
    "none.strategy": "Decyduje {name}, zgodnie z konfiguracją",
    "chosen": "Decyduje {name}",
    "configured": "Decyduje {name}, zgodnie z konfiguracją",
    "stopped": "Wszystkie działania są zatrzymane, aż ktoś je zwolni",
    "release": "Polecono zwolnić blokady",
    "released": "Zwolniono: {causes}",
    "stop_released": "Zatrzymanie awaryjne jest zwolnione",
    "not_released": "Niczego nie zwolniono",
    "nothing_held": "Nic nie było zatrzymane",
    "still.holds": "nadal trwa: {cause}, bo przyczyna nie ustąpiła ({detail})",
    "still.unknown": "nadal trwa: {cause}, bo nie wiadomo teraz, czy przyczyna ustąpiła ({detail})",
    "still.clear": "nadal trwa: {cause} ({detail})",
    "now": "decyzja na teraz: {mode}",
    "now.fast_charge": "pierwszeństwo ma nadal szybkie ładowanie: {mode}",
    "now.order": "pierwszeństwo ma nadal {order}",
    "did.Applied": "{mode}: zlecono falownikowi i potwierdzono",
    "did.NotConfirmed": "{mode}: zlecono falownikowi, lecz brak potwierdzenia: {detail}",
    "did.Rejected": "{mode}: odmowa: {detail}",
    "did.Unreachable": "{mode}: zlecono, lecz falownik nie odpowiada: {detail}",
    "too_little_time": "czasu może zabraknąć: z tą mocą może to potrwać {until}",
    "did.nothing": "falownik już tak działa",
    "did.unknown": "nie wiadomo, co robi falownik; pytanie będzie ponawiane, aż odpowie",
    "instead": "obowiązuje {mode}",
    "unsafe": "lecz bezpieczeństwo nie pozwala teraz na tryb {mode}: {causes}",
    "narrowed": "bezpieczeństwo pozwala na tryb {mode}: {causes}",
    "first": "pierwszeństwo ma {source}: {mode} ({reason})",
    "beneath": "szybkie ładowanie trwa mimo to: {mode}",
    "replaced": "zastąpiło je już nowsze polecenie",
    "held_until_charged": "do czasu ładowania zapas jest zachowany",
    "order_first": "pierwszeństwo ma {order}",
    "both": "{other} też obowiązuje",
    "both.later": "{other} też obowiązuje; pierwszeństwo ma {own}, bo to polecenie jest późniejsze",
    "both.pause": "{other} też obowiązuje, lecz czeka, bo pierwszeństwo ma pauza",
    "both.hold": "{other} też obowiązuje; bateria jest ładowana, lecz nie oddaje energii",
    "there_already": "bateria ma już {soc} i będzie ładowana tylko, jeśli spadnie poniżej",
    "soc_unknown": "stan naładowania nie jest znany, więc na razie nic nie jest ładowane",
    "charged_anyway": "bateria jest teraz ładowana ({source})",
    "waits": "czeka na najtańsze kwadranse, które jeszcze wystarczą",
    "why.not_running": "koordynator nie działa: zacznie obowiązywać od jego startu",
    "why.late": "w ciągu {seconds} s nie zapadła decyzja: zacznie obowiązywać od następnej",
    "why.ended": "koordynator zatrzymał się, zanim podjął decyzję",
    "why.unchanged": "nie trzeba było o niczym decydować",
    "not_kept": "nie przetrwa ponownego uruchomienia: {error}",
}

ORDER_SENTENCES: Mapping[Language, Mapping[str, str]] = {Language.ENGLISH: ENGLISH, Language.POLISH: POLISH}


def begun(text: str) -> str:
    """Return ``text`` as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def gone_on(text: str) -> str:
    """Return ``text`` as it goes on within a sentence."""
    return text[:1].lower() + text[1:]


def called(source: str, language: Language) -> str:
    """Return what people call a strategy, or whoever else a decision names as its source."""
    return ORDER_SENTENCES[language].get(f"who.{source}", source.replace("_", " "))


class OrderWords:
    """Words orders as seen at ``now``; times are those of ``zone``."""

    def __init__(self, language: Language, zone: ZoneInfo, now: datetime) -> None:
        self._language = language
        self._told = ORDER_SENTENCES[language]
        self._words = Wording(language, zone, now)
        self._zone = zone
        self._today = now.astimezone(zone).date()

    def say(self, sentence: str, /, **fields: str) -> str:
        """Return the sentence of this name, its fields filled in."""
        return self._told[sentence].format(**fields)

    def until(self, moment: datetime) -> str:
        """Return ``until 18:00``, ``until tomorrow at 07:00``, ``until 2026-11-30 07:00``."""
        return self._far("far.until", moment) or self._words.until(moment)

    def at(self, moment: datetime) -> str:
        """Return ``at 18:00``, ``tomorrow at 07:00``, ``on 2026-11-30 at 07:00``."""
        return self._far("far.at", moment) or self._words.at(moment)

    def _far(self, name: str, moment: datetime) -> str | None:
        local = moment.astimezone(self._zone)
        if abs((local.date() - self._today).days) < FAR_DAYS:
            return None
        return self.say(name, day=f"{local:%Y-%m-%d}", clock=f"{local:%H:%M}")

    def mode(self, mode: Mode, power_w: float | None = None) -> str:
        """Return a mode and its power in words."""
        return self._words.mode(mode, power_w)

    def percent(self, soc_pct: float) -> str:
        """Return an SoC in words."""
        return self._words.percent(soc_pct)

    # -- reasons and events ------------------------------------------------------------------------------------

    def reason(self, kind: OrderKind, until: datetime) -> str:
        """Return why a decision follows a pause, a hold or a self-use."""
        return self.say(f"reason.{kind.value}", until=self.until(until))

    def who(self, source: str) -> str:
        """Return what people call a strategy, or whoever else a decision names as its source."""
        return called(source, self._language)

    def noun(self, order: StandingOrder | FastChargeRequest) -> str:
        """Return ``the hold until 18:00``, ``the fast charge to 80 % (ready at 06:20)``."""
        return self._of("noun", order)

    def in_place(self, taken: str, before: StandingOrder | FastChargeRequest) -> str:
        """Return that ``taken`` replaced ``before``."""
        return self._of("in_place", before, taken=taken)

    def _of(self, how: str, order: StandingOrder | FastChargeRequest, **more: str) -> str:
        if isinstance(order, StandingOrder):
            return self.say(f"{how}.{order.kind.value}", until=self.until(order.until), **more)
        soc, at = self.percent(order.target_soc_pct), self.at(order.deadline)
        return self.say(f"{how}.fast_charge", soc=soc, at=at, **more)

    def falls_short(self, how: str, target_soc_pct: float, deadline: datetime, reachable_pct: float) -> str:
        """Return that a fast charge comes to ``reachable_pct`` only; ``how``: ``problem`` or ``short.fast_charge``."""
        reached = self.percent(round(reachable_pct))
        return self.say(how, soc=self.percent(target_soc_pct), at=self.at(deadline), reached=reached)

    def charge_reason(self, target_soc_pct: float, deadline: datetime, why: ChargeWhy) -> str:
        """Return why a fast charge charges now."""
        figures: dict[str, str] = {}
        if why.needed is not None and why.power_w is not None:
            figures |= {"minutes": _minutes(why.needed), "power": self._words.power(why.power_w)}
        if why.left is not None:
            figures["left"] = _minutes(why.left)
        if why.reachable_pct is not None:
            figures["reached"] = self.percent(round(why.reachable_pct))
        soc, at = self.percent(target_soc_pct), self.at(deadline)
        return self.say(f"reason.{why.kind.value}", soc=soc, at=at, **figures)

    def charge_hold_reason(self, target_soc_pct: float, deadline: datetime) -> str:
        """Return why a fast charge holds what is stored."""
        return self.say("reason.charge_hold", soc=self.percent(target_soc_pct), at=self.at(deadline))

    def ended(self, kind: OrderKind, until: datetime) -> str:
        """Return that a pause, a hold or a self-use is over."""
        return self.say(f"ended.{kind.value}", until=self.until(until))

    def charge_ended(self, target_soc_pct: float) -> str:
        """Return that the time of a fast charge is over."""
        return self.say("ended.fast_charge", soc=self.percent(target_soc_pct))

    def stop_detail(self, by: str, reason: str) -> str:
        """Return what a person's stop says wherever it is shown."""
        return self.say("stop", by=self.asker(by), why=f" ({reason})" if reason else "")

    def asker(self, by: str) -> str:
        """Return how a person is told who asked; a program's own name stays as it is."""
        return self.say(f"by.{by}") if by in {"local", "owner"} else by

    # -- what is allowed ---------------------------------------------------------------------------------------

    def no_end(self, until: datetime) -> str:
        """Return what end an order may have."""
        try:
            shown = f"{until.astimezone(self._zone):%Y-%m-%d %H:%M}"
        except OverflowError:  # the first and the last day of the calendar have no neighbour
            shown = until.isoformat()
        return self.say("allowed.until", until=shown, days=str(LONGEST_ORDER.days))

    def no_target(self, soc_pct: float) -> str:
        """Return what a fast charge may be asked for."""
        return self.say("allowed.target", soc=f"{soc_pct:g}")

    def no_strategy(self, name: str, names: tuple[str, ...]) -> str:
        """Return which strategies there are."""
        return self.say("allowed.strategy", name=f"{name!r:.60}", names=", ".join(names))

    def too_long(self) -> str:
        """Return how long a reason may be."""
        return self.say("allowed.reason", length=str(REASON_LENGTH))


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f}"
