/** Numbers with their units, and times, as people read them. What is unknown (null) is a dash, never a number. */
import { locale } from "./i18n";
import { t } from "./i18n/shared";
import { zone } from "./state/live";
import { serverNow } from "./state/clock";
import { daysFrom, isShownTwice } from "./time";

export const NONE = "–";
/** Between a number and its unit: never a line break. */
const NBSP = "\u00a0";
type Maybe = number | null | undefined;
export type When = string | number;

const isNumber = (value: Maybe): value is number => typeof value === "number" && Number.isFinite(value);

const numbers = new Map<string, Intl.NumberFormat>();

/** Return a number with so many decimals. */
export function number(value: Maybe, decimals = 0): string {
  if (!isNumber(value)) return NONE;
  const key = `${locale.value} ${decimals}`;
  let format = numbers.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(locale.value, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    numbers.set(key, format);
  }
  const rounded = Number(value.toFixed(decimals));
  return format.format(rounded === 0 ? 0 : rounded).replace("-", "−"); // no "-0", and a minus as wide as a digit
}

/** Return a number and its unit apart, for showing them in two sizes: W below 1 kW, else kW. */
export function powerParts(value_w: Maybe): { value: string; unit: string } {
  if (!isNumber(value_w)) return { value: NONE, unit: "" };
  const size = Math.abs(value_w);
  if (size < 999.5) return { value: number(value_w), unit: "W" };
  return { value: number(value_w / 1000, size < 9995 ? 2 : 1), unit: "kW" };
}

/** Return a power, given in W. */
export function power(value_w: Maybe): string {
  const { value, unit } = powerParts(value_w);
  return unit === "" ? value : value + NBSP + unit;
}

/** Return an energy in kWh, given in Wh. */
export function energy(value_wh: Maybe): string {
  if (!isNumber(value_wh)) return NONE;
  const size = Math.abs(value_wh);
  return number(value_wh / 1000, size < 9_995 ? 2 : size < 99_950 ? 1 : 0) + NBSP + "kWh";
}

export function percent(value: Maybe, decimals = 0): string {
  return isNumber(value) ? number(value, decimals) + NBSP + "%" : NONE;
}

/** Return a sum of money; `signed` shows a plus too. */
export function money(value: Maybe, currency: string, signed = false): string {
  if (!isNumber(value)) return NONE;
  const plus = signed && Number(value.toFixed(2)) > 0 ? "+" : "";
  return plus + number(value, 2) + NBSP + symbol(currency);
}

/** Return a price per kWh. */
export function price(value: Maybe, currency: string): string {
  return isNumber(value) ? `${number(value, 2)}${NBSP}${symbol(currency)}/kWh` : NONE;
}

/** Return how people write a currency: zł in Polish, else its code. */
export function symbol(currency: string): string {
  return currency === "PLN" && locale.value === "pl-PL" ? "zł" : currency;
}

const toMs = (at: When): number => (typeof at === "number" ? at : Date.parse(at));

const times = new Map<string, Intl.DateTimeFormat>();

/** Return `at` (text, or epoch milliseconds) in the house's local time, formatted by `options`. */
export function local(at: When, options: Intl.DateTimeFormatOptions): string {
  const key = `${locale.value} ${zone.value} ${JSON.stringify(options)}`;
  let format = times.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(locale.value, { ...options, timeZone: zone.value });
    times.set(key, format);
  }
  return format.format(toMs(at));
}

/** Return the local time of day: 07:05; with the zone's name where the clocks show it twice: 02:15 CET. */
export function clock(at: When | null | undefined, seconds = false): string {
  if (at === null || at === undefined) return NONE;
  const twice: Intl.DateTimeFormatOptions = isShownTwice(toMs(at), zone.value) ? { timeZoneName: "short" } : {};
  const fine: Intl.DateTimeFormatOptions = seconds ? { second: "2-digit" } : {};
  return local(at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...fine, ...twice });
}

/** Return the local day: 23 Nov. */
export function day(at: When): string {
  return local(at, { day: "numeric", month: "short" });
}

/** Return the local time, with the day where that is not today: "07:05", "tomorrow 07:05", "25 Nov 07:05". */
export function moment(at: When | null | undefined): string {
  if (at === null || at === undefined) return NONE;
  const days = daysFrom(serverNow.value, toMs(at), zone.value);
  if (days === 0) return clock(at);
  const word = days === 1 ? t("tomorrow") : days === -1 ? t("yesterday") : day(at);
  return `${word} ${clock(at)}`;
}

/** Return a length of time, given in milliseconds: "12 s", "5 min", "3 h 10 min", "4 days". */
export function duration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return t("age.s", { n: s });
  const min = Math.round(s / 60);
  if (min < 60) return t("age.min", { n: min });
  if (min < 48 * 60) return t("age.h", { h: Math.floor(min / 60), min: min % 60 });
  return t("age.d", { n: Math.round(min / 1440) });
}

/** Return how long ago `at` was: "12 s ago". */
export function ago(at: When | null | undefined): string {
  if (at === null || at === undefined) return NONE;
  const ms = serverNow.value - toMs(at);
  return ms < 3000 ? t("age.now") : t("age.ago", { age: duration(ms) });
}

/** Return how long it is until `at`: "in 3 h 10 min". */
export function until(at: When): string {
  return t("in", { age: duration(toMs(at) - serverNow.value) });
}
