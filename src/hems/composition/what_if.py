"""From a person's what-if question to studies of their own past: other tariffs, other sizes.

What really happened, and what others would have made of it: `composition.counterfactual`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hems.adapters.tariffs.catalogue import TariffCatalogue
from hems.adapters.tariffs.contract import ContractOptions, ContractTariff
from hems.adapters.tariffs.meter import MeterClock
from hems.adapters.tariffs.sale import SaleBasis, SaleTerms
from hems.adapters.tariffs.terms import MonthlyFee, NetBillingEdition, OperatorEdition, SellerEdition, edition_on
from hems.backtest.executors import cores
from hems.backtest.known_prices import MarketGuesses, prices_of_market
from hems.backtest.outcome import NO_BATTERY
from hems.backtest.runner import OPTIMAL, SELF_USE
from hems.backtest.study import Study
from hems.backtest.what_if.side_by_side import SideBySide, live_side_by_side, live_spread, stored_change
from hems.backtest.what_if.sizing import Grid, Purchase, SizingResult, in_one_process, spread_over, try_sizes
from hems.backtest.what_if.tariffs import FixedFee, Household, Offer, OfferResult, TariffComparison, cost_of, in_order
from hems.composition.backtest import PreparedStudy, prepare, stored_value_of, versions
from hems.composition.backtest_request import LIVE, BacktestRequest
from hems.composition.tariff import SETTLEMENT_ZONE, catalogue_of, sale_terms_of, tariff_of
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError, RejectedData
from hems.domain.prices import DepositTerms, MarketView
from hems.ports.prices import Tariff

ALL = "all"
DYNAMIC, FIXED = "dynamic", "fixed"
COUNTRY = "pl"

BEFORE, AHEAD = timedelta(days=35), timedelta(days=4)

Told = Callable[[float, float], None]
"""How much of how much is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffQuestion:
    """Which tariffs are compared; None of operator: that of the configuration, else all."""

    request: BacktestRequest
    operator: str | None = None
    group: str | None = None
    seller: str | None = None
    phases: int = 3
    strategy: str = OPTIMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class _Priced:
    """An offer with what prices it."""

    offer: Offer
    tariff: Tariff


def compare_tariffs(
    question: TariffQuestion, today: date, told: Told | None = None, executor: Executor | None = None
) -> TariffComparison:
    """Return the house under every tariff that is asked for; Ctrl-C leaves the weeks that all have lived.

    With ``executor`` the tariffs are shared out, as many pieces as cores; forecasts are then made once for each piece.

    Raises: ConfigurationError: a name that no file has, or options that cannot be; and as `prepare`.
    """
    _check_question(question)
    prepared = prepare(replace(_as_prosumer(question.request), operator=None, group=None, seller=None))
    settings, study = _as_billed(prepared, question.request), prepared.study
    catalogue = catalogue_of(settings)
    offers, not_offered = _offers(question, settings, catalogue, today)
    house = Household(zone=ZoneInfo(SETTLEMENT_ZONE), phases=question.phases, deposit=_deposit(settings, catalogue))
    publication = study.prices.publication
    market = _market_of(prepared)
    guesses = MarketGuesses(market.day_ahead, study.zone)
    studies: dict[str, Study] = {}
    for priced in offers:
        prices = prices_of_market(market.day_ahead, market.settlement, priced.tariff, publication, guesses)
        value = stored_value_of(question.request, prices, study.home, study.first, study.last)
        studies[priced.offer.key] = replace(study, prices=prices, left_value_per_kwh=value)
    moved, still = _live(question, studies, told, executor)
    if not moved.flows:
        raise RejectedData("nothing was lived yet: no tariff can be compared")
    results = []
    for priced in offers:
        key = priced.offer.key
        prices_then = priced.tariff.retail_series(market)
        change = stored_change(studies[key], moved.flows[key])
        with_battery, fees = cost_of(moved.flows[key], prices_then, priced.offer, house, change)
        without, _ = cost_of(still.flows[key], prices_then, priced.offer, house, 0.0)
        results.append(OfferResult(offer=priced.offer, with_battery=with_battery, without_battery=without, fees=fees))
    hours = next(iter(moved.flows.values())).hours
    return TariffComparison(
        title=study.title,
        zone=study.zone,
        currency=study.prices.currency,
        strategy=question.strategy,
        battery_kwh=study.home.capacity_wh / 1000.0,
        phases=question.phases,
        first=study.first,
        last=moved.until,
        hours=hours,
        results=in_order(results),
        not_offered=not_offered,
        remarks=prepared.remarks + _sale_remarks(settings, house),
        parameters={**prepared.parameters, "strategy": question.strategy, "phases": question.phases},
        versions=versions(),
        is_interrupted=moved.is_interrupted,
    )


def _market_of(prepared: PreparedStudy) -> MarketView:
    """Return the markets' prices that matter: those of the period, what days are estimated from, and the plan's view.

    An hour's mean and a month's need what lies before the first quarter; plans look ahead beyond the last.
    """
    first, last = prepared.study.first - BEFORE, prepared.study.last + AHEAD
    return MarketView(
        day_ahead=prepared.day_ahead.between(first, last), settlement=prepared.settlement.between(first, last)
    )


def _check_question(question: TariffQuestion) -> None:
    faults = []
    if question.strategy not in (OPTIMAL, SELF_USE):
        faults.append(f"--strategy {question.strategy}: {OPTIMAL} or {SELF_USE}")
    if question.phases not in (1, 3):
        faults.append(f"--phases {question.phases}: 1 or 3")
    if question.request.buy_sell is not None:
        faults.append("--buy-sell holds the prices of one tariff: give the market's with --prices")
    if faults:
        raise ConfigurationError(faults)


def _as_prosumer(request: BacktestRequest) -> BacktestRequest:
    """Return ``request`` with the rule for prosumers, whom net-billing is for, where nobody says otherwise."""
    if request.only_solar_export is not None or request.config is not None or request.home == LIVE:
        return request
    return replace(request, only_solar_export=True)


def _as_billed(prepared: PreparedStudy, request: BacktestRequest) -> Configuration:
    """Return the configuration; without one, what is sold is paid as net-billing is billed in the tariff files."""
    settings = prepared.settings
    if request.config is not None or request.home == LIVE:
        return settings
    basis = _net_billing(catalogue_of(settings))
    if basis is None:
        return settings
    changed = {"sell": "rce_hour", "export_multiplier": basis.bases["rce"].multiplier}
    tariff = type(settings.prices.tariff).model_validate(changed)
    return settings.model_copy(update={"prices": settings.prices.model_copy(update={"tariff": tariff})})


def _net_billing(catalogue: TariffCatalogue) -> NetBillingEdition | None:
    editions = catalogue.net_billing.get(COUNTRY)
    return editions[-1] if editions else None


def _deposit(settings: Configuration, catalogue: TariffCatalogue) -> DepositTerms | None:
    """Return what becomes of the credit; None where the configuration says that sold energy is paid otherwise."""
    sale, edition = sale_terms_of(settings), _net_billing(catalogue)
    if edition is None or sale.basis in (SaleBasis.FIXED, SaleBasis.NONE):
        return None
    basis = edition.bases.get("rcem" if sale.basis is SaleBasis.RCEM else "rce")
    return None if basis is None else basis.deposit


def _sale_remarks(settings: Configuration, house: Household) -> tuple[str, ...]:
    sale = sale_terms_of(settings)
    if house.deposit is None:
        return (f"sold energy is paid at once ({sale.basis})",)
    paid = f"sold energy: {sale.basis} x {sale.multiplier:g} into the deposit, which begins empty and pays for energy"
    return (f"{paid} from the next month on; the decisions take it for money",)


def _live(
    question: TariffQuestion, studies: Mapping[str, Study], told: Told | None, executor: Executor | None
) -> tuple[SideBySide, SideBySide]:
    """Return the house with its battery and without, under every tariff.

    What costs nothing to know of prices is lived once: self-use and no battery look at no price, and what is sold
    earns the same under all.
    """
    some = next(iter(studies.values()))
    span_s = (some.last - some.first).total_seconds()

    def progress(until: datetime) -> None:
        if told is not None:
            told((until - some.first).total_seconds(), span_s)

    if question.strategy == OPTIMAL and executor is not None:
        keys, pieces = list(studies), min(cores(), len(studies))
        groups = [{key: studies[key] for key in keys[number::pieces]} for number in range(pieces)]
        moved = live_spread(groups, OPTIMAL, executor, None if told is None else lambda done: told(done, pieces))
    elif question.strategy == OPTIMAL:
        moved = live_side_by_side(studies, OPTIMAL, progress)
    else:
        moved = _for_all(studies, live_side_by_side({"": some}, SELF_USE, progress))
    if not moved.flows:
        return moved, moved
    return moved, _for_all(studies, live_side_by_side({"": replace(some, last=moved.until)}, NO_BATTERY))


def _for_all(studies: Mapping[str, Study], one: SideBySide) -> SideBySide:
    return replace(one, flows={key: one.flows[""] for key in studies if one.flows})


def _offers(
    question: TariffQuestion, settings: Configuration, catalogue: TariffCatalogue, today: date
) -> tuple[list[_Priced], dict[str, str]]:
    """Return every tariff that is asked for and can be priced, the configured one first; and why others cannot."""
    found: dict[str, _Priced] = {}
    refused: dict[str, str] = {}
    configured = question.request.config is not None or question.request.home == LIVE
    if configured:
        present = _present(settings, catalogue, today)
        found[present.offer.key] = present
    for operator, group, contract, seller in _names(question, settings, catalogue):
        offer = _offer(catalogue, operator, group, contract, seller, today)
        if offer.key in found:
            continue
        try:
            tariff = ContractTariff(_options(settings, offer), catalogue)
        except ConfigurationError as error:
            refused[offer.key] = "; ".join(error.faults)
            continue
        found[offer.key] = _Priced(
            offer=replace(offer, is_guessed=tariff.needs.compass, remarks=tariff.remarks(today)), tariff=tariff
        )
    if not found:
        raise ConfigurationError(["no tariff fits: `hems tariffs` lists operators, groups and sellers"])
    return list(found.values()), refused


def _names(
    question: TariffQuestion, settings: Configuration, catalogue: TariffCatalogue
) -> Iterator[tuple[str, str, str, str]]:
    """Yield operator, group, contract and seller; fixed prices are those approved for the operator's namesake."""
    wanted = question.operator or settings.prices.tariff.operator or ALL
    operators = list(catalogue.operators) if wanted == ALL else [wanted]
    if question.seller is not None:
        catalogue.seller(question.seller, key="--seller")
    sellers = [question.seller] if question.seller is not None else list(catalogue.sellers)
    for operator in operators:
        if operator not in catalogue.operators:
            known = ", ".join((*catalogue.operators, ALL))
            raise ConfigurationError([f"--operator {operator}: one of {known}"])
        groups = dict.fromkeys(group for edition in catalogue.operators[operator] for group in edition.groups)
        if question.group is not None and question.group not in groups and wanted != ALL:
            raise ConfigurationError([f"--group {question.group}: {operator} has {', '.join(groups)}"])
        for group in groups if question.group is None else [g for g in groups if g == question.group]:
            if operator in sellers and any(group in one.regulated for one in catalogue.sellers.get(operator, ())):
                yield operator, group, FIXED, operator
            for seller in sellers:
                if any(one.dynamic is not None for one in catalogue.sellers[seller]):
                    yield operator, group, DYNAMIC, seller


def _options(settings: Configuration, offer: Offer) -> ContractOptions:
    tariff = settings.prices.tariff
    sale: SaleTerms = sale_terms_of(settings)
    return ContractOptions(
        currency=settings.prices.currency,
        zone=ZoneInfo(SETTLEMENT_ZONE),
        fixed_energy=offer.contract == FIXED,
        operator=offer.operator,
        group=offer.group,
        above_last_year=tariff.above_last_year,
        meter_clock=MeterClock(tariff.meter_clock),
        seller=offer.seller,
        sale=sale,
    )


def _present(settings: Configuration, catalogue: TariffCatalogue, today: date) -> _Priced:
    """Return the configured tariff, with the owner's own numbers in it."""
    tariff, priced = settings.prices.tariff, tariff_of(settings)
    contract = DYNAMIC if tariff.kind == "dynamic" else FIXED
    offer = _offer(catalogue, tariff.operator, tariff.group, contract, tariff.seller, today)
    remarks = () if not isinstance(priced, ContractTariff) else priced.remarks(today)
    return _Priced(
        offer=replace(offer, is_present=True, is_guessed=priced.needs.compass, remarks=remarks), tariff=priced
    )


def _offer(
    catalogue: TariffCatalogue, operator: str | None, group: str | None, contract: str, seller: str | None, today: date
) -> Offer:
    """Return the offer with the fees and the marks of the files of ``today``."""
    editions: list[OperatorEdition | SellerEdition] = []
    fees: list[FixedFee] = []
    vat_pct, has_seller_fee = 0.0, contract != DYNAMIC
    if operator is not None and group is not None:
        network = edition_on([one for one in catalogue.operators[operator] if group in one.groups], today)
        editions.append(network)
        vat_pct = network.vat_pct
        fees += _fees((*network.monthly, *network.groups[group].monthly), vat_pct, contract)
    if seller is not None:
        sells = [one for one in catalogue.sellers[seller] if _sells(one, group, contract)]
        if sells:
            terms = edition_on(sells, today)
            editions.append(terms)
            fees += _fees(terms.monthly, vat_pct, contract)
            has_seller_fee = has_seller_fee or bool(terms.monthly)
    return Offer(
        operator=operator,
        group=group,
        seller=seller,
        contract=contract,
        fees=tuple(fees),
        has_seller_fee=has_seller_fee,
        is_verified=all(one.edition.verified for one in editions),
        has_ended=any(one.edition.valid.last is not None and one.edition.valid.last < today for one in editions),
    )


def _sells(seller: SellerEdition, group: str | None, contract: str) -> bool:
    return seller.dynamic is not None if contract == DYNAMIC else group in seller.regulated


def _fees(fees: Sequence[MonthlyFee], vat_pct: float, contract: str) -> list[FixedFee]:
    """Return the fees of ``contract`` with VAT, which comes on top where the file does not say that it is in them."""
    return [
        FixedFee(
            name=fee.name,
            per_month=fee.per_month if fee.includes_vat else fee.per_month * (1.0 + vat_pct / 100.0),
            phases=fee.phases,
            above_kwh_a_year=fee.above_kwh_a_year,
            up_to_kwh_a_year=fee.up_to_kwh_a_year,
        )
        for fee in fees
        if contract == DYNAMIC or not fee.only_dynamic
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeQuestion:
    """What is tried, and what it would cost."""

    request: BacktestRequest
    grid: Grid
    purchase: Purchase


def size(question: SizeQuestion, told: Told | None = None, executor: Executor | None = None) -> SizingResult:
    """Return what every size of the grid would have saved; without ``executor`` all are lived here.

    Raises: ConfigurationError: sizes that cannot be; and as `prepare`.
    """
    prepared = prepare(question.request)
    study, purchase = prepared.study, question.purchase
    pv_kw = purchase.pv_kw if purchase.pv_kw is not None else _configured_pv_kw(prepared.settings)
    purchase = replace(purchase, pv_kw=pv_kw)
    _check_grid(question.grid, purchase)
    total_s = (study.last - study.first).total_seconds() * len(question.grid.pv_factor)
    if executor is None:
        lives = in_one_process(None if told is None else lambda done: told(done, total_s))
    else:
        lives = spread_over(executor, None if told is None else lambda done, of: told(float(done), float(of)))
    sizes, moved = try_sizes(study, question.grid, purchase, lives)
    hours = max((flows.hours for flows in moved.flows.values()), default=0.0)
    if hours <= 0.0:
        raise RejectedData("nothing was lived: load, PV and prices are never known at the same time in the period")
    return SizingResult(
        title=study.title,
        zone=study.zone,
        currency=study.prices.currency,
        first=study.first,
        last=moved.until,
        hours=hours,
        grid=question.grid,
        sizes=sizes,
        purchase=purchase,
        wear_per_kwh=study.home.wear_per_kwh,
        remarks=prepared.remarks,
        parameters=prepared.parameters,
        versions=versions(),
        is_interrupted=moved.is_interrupted,
    )


def _configured_pv_kw(settings: Configuration) -> float | None:
    return sum(plane.peak_kw for plane in settings.pv.planes) or None


def _check_grid(grid: Grid, purchase: Purchase) -> None:
    faults = []
    for option, values, most in (
        ("--battery-kwh", grid.battery_kwh, 1000.0),
        ("--power-kw", grid.power_kw, 1000.0),
        ("--pv-factor", grid.pv_factor, 100.0),
    ):
        least = 0.0 if option == "--pv-factor" else 0.1
        faults += [f"{option} {value:g}: from {least:g} to {most:g}" for value in values if not least <= value <= most]
        if not values:
            faults.append(f"{option}: one number at least")
    needs_pv_kw = purchase.pv_per_kw is not None and any(factor > 1.0 for factor in grid.pv_factor)
    if needs_pv_kw and purchase.pv_kw is None:
        faults.append("--pv-price-per-kw needs the rated power of the present panels: --pv-kw, or pv.planes configured")
    if faults:
        raise ConfigurationError(faults)
