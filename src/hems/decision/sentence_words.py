"""The sentences of reasons, one table for each language; ``decision.sentences`` chooses among them and fills them.

Fields: {until} until when; {power}; {buy}, {sell} prices now; {worth}, {keep}, {later} prices to compare them with;
{span} when; {unit} currency per kWh; {soc}, {reserve} percents; {more} money. Prices come without their unit.
"""

from __future__ import annotations

from collections.abc import Mapping

from hems.decision.wording import Language

ENGLISH: Mapping[str, str] = {
    # a charge
    "charge.reserve": "Charging at {power} {until}: the battery, at {soc}, is below its reserve of {reserve}",
    "charge.paid": "Charging at {power} {until}: taking energy from the grid earns {buy} {unit} now",
    "charge.sun": "Charging at {power} {until}: the sun's surplus is stored",
    "charge.use": "Charging at {power} {until}: {buy} {unit} now, worth {worth} after losses {span}",
    "charge.pays": "Charging at {power} {until}: {buy} {unit} now, and it pays up to {worth}",
    # a discharge
    "discharge.sell": "Selling at {power} {until}: {sell} {unit} now, and selling pays above {keep}",
    "discharge.even": "Selling at {power} {until}: {sell} {unit} now, and keeping it for later would earn no more",
    "discharge.house": "Discharging at {power} {until}: the house uses it in place of {buy} {unit} from the grid",
    # hold
    "hold.reserve": "Holding the battery {until}: it has nothing above its reserve of {reserve}",
    "hold.use": "Holding the battery {until}: the grid costs {buy} {unit} now, {later} {span}",
    "hold.sale": "Holding the battery {until}: the grid costs {buy} {unit} now, what is stored "
    "sells for {later} {span}",
    "hold.keep": "Holding the battery {until}: the grid costs {buy} {unit} now, using the battery pays above {keep}",
    # no charge
    "no_charge.sell": "Not charging {until}: the sun's surplus sells for {sell} {unit} now, stored it "
    "would be worth {keep}",
    # self-use
    "self_use.sun": "Self-use {until}: the sun's surplus is stored; sold now it would earn {sell} {unit}, "
    "stored it is worth {worth}, with its main use {span}",
    "self_use.sun_later": "Self-use {until}: the sun's surplus is stored; sold now it would earn {sell} {unit}, "
    "stored it is worth {worth}",
    "self_use.sun_paid": "Self-use {until}: the sun's surplus is stored; feeding it in would cost {sell} {unit}",
    "self_use.sun_plain": "Self-use {until}: the sun's surplus is stored",
    "self_use.house": "Self-use {until}: the battery covers the house; the grid costs {buy} {unit} now, "
    "using the battery pays above {keep}",
    "self_use.house_plain": "Self-use {until}: the battery covers the house",
    "self_use.reserve": "Self-use {until}: nothing to store now, and nothing to use above the reserve of {reserve}",
    # whatever the mode, where no single number tells it
    "charge.plain": "Charging at {power} {until}: no other mode is enough cheaper to be worth a change",
    "discharge.plain": "Discharging at {power} {until}: no other mode is enough cheaper to be worth a change",
    "hold.plain": "Holding the battery {until}: no other mode is enough cheaper to be worth a change",
    "no_charge.plain": "Not charging {until}: no other mode is enough cheaper to be worth a change",
    "self_use.plain": "Self-use {until}: no other mode is enough cheaper to be worth a change",
    "standby.plain": "The battery rests {until}",
    # a limit on what is fed in
    "export.stopped": "; nothing is fed in, since that would cost {sell} {unit} now",
    "export.limited": "; at most {power} is fed in",
    # details
    "detail.worth": "A stored kWh is worth {worth} {currency} now",
    "detail.used": "; its main use is {span}, in place of {later} {unit}",
    "detail.sold": "; its main use is to be sold {span} for {later} {unit}",
    "detail.unused": "; no use of it is planned within the horizon",
    "detail.prices": "Prices now: {buy} {unit} to buy, {sell} {unit} to sell",
    "detail.break_even": "Charging from the grid pays below {worth} {unit}, selling from the battery "
    "above {keep} {unit}",
    "detail.charged": "A kWh that is stored now costs {buy} {currency}, losses and wear included",
    "detail.alternative": "Next best for this quarter of an hour: {mode}, in the end {more} dearer",
    "detail.alternative_limit": "Next best for this quarter of an hour: {mode}; but a limit would not be "
    "kept: the reserve, the cap of cycles or the fuse",
    "detail.self_use": "Plain self-use in this quarter of an hour: in the end {more} dearer",
    "detail.self_use_limit": "Plain self-use would not keep a limit: the reserve, the cap of cycles or the fuse",
    "detail.sure": "Confidence: the best choice in {share} of the forecast's cases; knowing the future "
    "would save {more} on average",
    "detail.input": "{name}: {source}",
    "detail.read": ", newest value {age} old",
    "detail.until": ", known {until}",
    "detail.nothing": ", nothing is published",
    "input.soc": "SoC",
    "input.prices": "Prices",
    "input.load_forecast": "Load forecast",
    "input.pv_forecast": "PV forecast",
    "money.little": "less than {more}",
    "detail.alternative_same": "Next best for this quarter of an hour: {mode}, which costs the same",
    "detail.self_use_same": "Plain self-use in this quarter of an hour costs the same",
    "detail.sure_same": "Confidence: the best choice in {share} of the forecast's cases; knowing the future "
    "would save nothing",
    "source.inverter": "inverter",
    "source.market": "market",
    "source.own_history": "the house's own past",
    "source.assumed": "an assumption",
    "source.recent_days": "recent days",
    "source.clear_sky_and_recent_days": "clear sky and recent days",
    "source.open_meteo": "Open-Meteo",
    "source.forecast_solar": "Forecast.Solar",
    "source.file": "file",
}

POLISH: Mapping[str, str] = {
    "charge.reserve": "Ładowanie mocą {power} {until}: bateria ma {soc}, mniej niż rezerwa {reserve}",
    "charge.paid": "Ładowanie mocą {power} {until}: za pobór z sieci dostajesz teraz {buy} {unit}",
    "charge.sun": "Ładowanie mocą {power} {until}: magazynowana jest nadwyżka ze słońca",
    "charge.use": "Ładowanie mocą {power} {until}: energia kosztuje teraz {buy} {unit}, a po odliczeniu strat będzie "
    "warta {worth} {unit} {span}",
    "charge.pays": "Ładowanie mocą {power} {until}: energia kosztuje teraz {buy} {unit}, a opłaca "
    "się do {worth} {unit}",
    "discharge.sell": "Sprzedaż z baterii mocą {power} {until}: teraz po {sell} {unit}, a opłaca się powyżej "
    "{keep} {unit}",
    "discharge.even": "Sprzedaż z baterii mocą {power} {until}: teraz po {sell} {unit}, "
    "a późniejsze użycie nie dałoby więcej",
    "discharge.house": "Rozładowanie mocą {power} {until}: energia zasila dom zamiast prądu z sieci po {buy} {unit}",
    "hold.reserve": "Zachowanie zapasu {until}: w baterii nie ma nic ponad rezerwę {reserve}",
    "hold.use": "Zachowanie zapasu {until}: prąd z sieci kosztuje teraz {buy} {unit}, a {span} będzie kosztować "
    "{later} {unit}",
    "hold.sale": "Zachowanie zapasu {until}: prąd z sieci kosztuje teraz {buy} {unit}, a zapas można sprzedać {span} "
    "po {later} {unit}",
    "hold.keep": "Zachowanie zapasu {until}: prąd z sieci kosztuje teraz {buy} {unit}, a korzystanie z "
    "baterii opłaca się powyżej {keep} {unit}",
    "no_charge.sell": "Bez ładowania {until}: sprzedaż nadwyżki ze słońca daje teraz {sell} {unit}, a "
    "zmagazynowana byłaby "
    "warta {keep} {unit}",
    "self_use.sun": "Autokonsumpcja {until}: magazynowana jest nadwyżka ze słońca; jej sprzedaż dałaby teraz "
    "{sell} {unit}, a zmagazynowana jest warta {worth} {unit}, głównie {span}",
    "self_use.sun_later": "Autokonsumpcja {until}: magazynowana jest nadwyżka ze słońca; jej sprzedaż dałaby teraz "
    "{sell} {unit}, a zmagazynowana jest warta {worth} {unit}",
    "self_use.sun_paid": "Autokonsumpcja {until}: magazynowana jest nadwyżka ze słońca; oddanie jej do "
    "sieci kosztowałoby "
    "{sell} {unit}",
    "self_use.sun_plain": "Autokonsumpcja {until}: magazynowana jest nadwyżka ze słońca",
    "self_use.house": "Autokonsumpcja {until}: bateria zasila dom; prąd z sieci kosztuje teraz {buy} {unit}, "
    "a korzystanie z baterii opłaca się powyżej {keep} {unit}",
    "self_use.house_plain": "Autokonsumpcja {until}: bateria zasila dom",
    "self_use.reserve": "Autokonsumpcja {until}: nie ma teraz czego magazynować, a w baterii nie ma nic "
    "ponad rezerwę {reserve}",
    "charge.plain": "Ładowanie mocą {power} {until}: żaden inny tryb nie jest na tyle tańszy, by opłacała się zmiana",
    "discharge.plain": "Rozładowanie mocą {power} {until}: żaden inny tryb nie jest na tyle tańszy, "
    "by opłacała się zmiana",
    "hold.plain": "Zachowanie zapasu {until}: żaden inny tryb nie jest na tyle tańszy, by opłacała się zmiana",
    "no_charge.plain": "Bez ładowania {until}: żaden inny tryb nie jest na tyle tańszy, by opłacała się zmiana",
    "self_use.plain": "Autokonsumpcja {until}: żaden inny tryb nie jest na tyle tańszy, by opłacała się zmiana",
    "standby.plain": "Spoczynek baterii {until}",
    "export.stopped": "; nic nie trafia do sieci, bo oddanie energii kosztowałoby teraz {sell} {unit}",
    "export.limited": "; do sieci trafia najwyżej {power}",
    "detail.worth": "Zmagazynowana kWh jest teraz warta {worth} {currency}",
    "detail.used": "; główne użycie: {span}, zamiast prądu po {later} {unit}",
    "detail.sold": "; główne użycie: sprzedaż {span} po {later} {unit}",
    "detail.unused": "; w horyzoncie planu nie ma dla niej użycia",
    "detail.prices": "Ceny teraz: zakup {buy} {unit}, sprzedaż {sell} {unit}",
    "detail.break_even": "Ładowanie z sieci opłaca się poniżej {worth} {unit}, sprzedaż z baterii "
    "powyżej {keep} {unit}",
    "detail.charged": "Kilowatogodzina zmagazynowana teraz kosztuje {buy} {currency} ze stratami i zużyciem baterii",
    "detail.alternative": "Następny w kolejności na ten kwadrans: {mode}, ostatecznie drożej o {more}",
    "detail.alternative_limit": "Następny w kolejności na ten kwadrans: {mode}; nie byłoby jednak dotrzymane "
    "ograniczenie: rezerwa, limit cykli lub moc przyłącza",
    "detail.self_use": "Zwykła autokonsumpcja w tym kwadransie: ostatecznie drożej o {more}",
    "detail.self_use_limit": "Przy zwykłej autokonsumpcji nie byłoby dotrzymane ograniczenie: rezerwa, limit "
    "cykli lub moc przyłącza",
    "detail.sure": "Pewność: najlepszy wybór w {share} przypadków prognozy; znając przyszłość, można by "
    "oszczędzić średnio {more}",
    "detail.input": "{name}: {source}",
    "detail.read": ", najnowsza wartość sprzed {age}",
    "detail.until": ", dane {until}",
    "detail.nothing": ", nic nie opublikowano",
    "input.soc": "Stan naładowania",
    "input.prices": "Ceny",
    "input.load_forecast": "Prognoza zużycia",
    "input.pv_forecast": "Prognoza produkcji PV",
    "money.little": "mniej niż {more}",
    "detail.alternative_same": "Następny w kolejności na ten kwadrans: {mode}, koszt ten sam",
    "detail.self_use_same": "Zwykła autokonsumpcja w tym kwadransie: koszt ten sam",
    "detail.sure_same": "Pewność: najlepszy wybór w {share} przypadków prognozy; nawet znając przyszłość, "
    "nie dałoby się oszczędzić więcej",
    "source.inverter": "falownik",
    "source.market": "rynek",
    "source.own_history": "historia domu",
    "source.assumed": "założenie",
    "source.recent_days": "ostatnie dni",
    "source.clear_sky_and_recent_days": "bezchmurne niebo i ostatnie dni",
    "source.open_meteo": "Open-Meteo",
    "source.forecast_solar": "Forecast.Solar",
    "source.file": "plik",
}

SENTENCES: Mapping[Language, Mapping[str, str]] = {Language.ENGLISH: ENGLISH, Language.POLISH: POLISH}


def _of_later(sentence: str) -> str:
    """Return ``sentence`` as it is told of a later quarter: without its *now*."""
    return sentence.replace("sold now", "sold at once").replace(" now", "").replace(" teraz", "")


PLANNED: Mapping[Language, Mapping[str, str]] = {
    language: {name: _of_later(sentence) for name, sentence in told.items()} for language, told in SENTENCES.items()
}
"""The same sentences, told of a quarter that lies ahead."""
