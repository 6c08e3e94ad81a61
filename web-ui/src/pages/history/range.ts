/** Which span is looked at, kept in the address: `?range=7d`, `&end=…` where it does not end now, own ones with from and to. */
import { localTime, midnight, momentOf } from "../../time";

export const RANGES = ["1h", "6h", "24h", "7d", "30d", "1y", "own"] as const;
export type RangeName = (typeof RANGES)[number];
export const SHOWS = ["power", "day", "month"] as const;
/** Power over time, or energy by day or month. */
export type Show = (typeof SHOWS)[number];

export interface Span {
  range: RangeName;
  /** Epoch milliseconds. */
  start: number;
  end: number;
  /** Whether it ends now, and so moves on. */
  isLive: boolean;
  show: Show;
}

const MINUTE = 60_000;
const DAY = 86_400_000;
const HOURS: Partial<Record<RangeName, number>> = { "1h": 1, "6h": 6, "24h": 24 };
const DAYS: Partial<Record<RangeName, number>> = { "7d": 7, "30d": 30 };
/** From so long a span on, energy by day (by month) says more than power. */
const DAYS_SHOW_DAYS = 20;
const DAYS_SHOW_MONTHS = 400;
/** A month as a bar, or hours as a line, is no picture of a span shorter, or longer, than this. */
const MONTH_LEAST_DAYS = 60;
const DAY_LEAST_DAYS = 2;
const POWER_MOST_DAYS = 400;

/** Return the span that `query` asks for; the last day where it asks for none. Null: an own span that is empty. */
export function spanOf(query: URLSearchParams, now: number, zone: string): Span | null {
  const range = RANGES.find((name) => name === query.get("range")) ?? "24h";
  if (range === "own") {
    const start = parseLocal(query.get("from"), zone);
    const end = parseLocal(query.get("to"), zone);
    if (start === null || end === null || start >= end) return null;
    return withShow({ range, start, end, isLive: false }, query);
  }
  const given = parseLocal(query.get("end"), zone);
  const present = Math.ceil(now / MINUTE) * MINUTE;
  const end = given === null || given > present ? present : given;
  return withShow({ range, start: startOf(range, end, zone), end, isLive: end === present }, query);
}

function withShow(span: Omit<Span, "show">, query: URLSearchParams): Span {
  const length = span.end - span.start;
  const asked = SHOWS.find((name) => name === query.get("show"));
  const usual = length > DAYS_SHOW_MONTHS * DAY ? "month" : length > DAYS_SHOW_DAYS * DAY ? "day" : "power";
  return { ...span, show: asked !== undefined && fits(asked, length) ? asked : usual };
}

/** Return whether a span of `length` ms can be shown so. */
export function fits(show: Show, length: number): boolean {
  if (show === "power") return length <= POWER_MOST_DAYS * DAY;
  return length >= (show === "day" ? DAY_LEAST_DAYS : MONTH_LEAST_DAYS) * DAY;
}

/** Return where a named range that ends at `end` begins: hours before, or the local midnight that makes whole days of it. */
function startOf(range: RangeName, end: number, zone: string): number {
  const hours = HOURS[range];
  if (hours !== undefined) return end - hours * 60 * MINUTE;
  const days = DAYS[range];
  if (days !== undefined) return midnight(end - 1, zone, 1 - days);
  const { year, month, day } = localTime(end - 1, zone);
  return momentOf({ year: year - 1, month, day: day + 1, hour: 0, minute: 0 }, zone);
}

/** Return the address of the span one range earlier (-1) or later (+1); it follows the present when it reaches it. */
export function stepped(span: Span, by: 1 | -1, now: number, zone: string): Record<string, string | null> {
  const length = span.end - span.start;
  if (span.range === "own") return ownQuery(span.start + by * length, span.end + by * length, zone, span.show);
  const isDays = HOURS[span.range] === undefined;
  const end = by < 0 ? (isDays ? span.start : span.end - length) : isDays ? endAfter(span, zone) : span.end + length;
  return { range: span.range, end: end >= now ? null : writeLocal(end, zone), show: span.show };
}

/** Return the end of the range of whole days that begins where `span` ends. */
function endAfter(span: Span, zone: string): number {
  const from = midnight(span.end - 1, zone, 1);
  const days = DAYS[span.range];
  if (days !== undefined) return midnight(from, zone, days);
  const { year, month, day } = localTime(from, zone);
  return momentOf({ year: year + 1, month, day, hour: 0, minute: 0 }, zone);
}

/** Return the address of an own span; without `show`, what is usual for its length. */
export function ownQuery(start: number, end: number, zone: string, show: Show | null = null): Record<string, string | null> {
  return { range: "own", from: writeLocal(start, zone), to: writeLocal(end, zone), show };
}

const two = (value: number) => String(value).padStart(2, "0");

/** Return a moment as the fields for local times write it: 2026-11-23T07:05. The second of two equal ones is marked in UTC. */
export function writeLocal(at: number, zone: string): string {
  const local = localTime(at, zone);
  if (momentOf(local, zone) !== Math.floor(at / MINUTE) * MINUTE) return new Date(at).toISOString();
  return `${local.year}-${two(local.month)}-${two(local.day)}T${two(local.hour)}:${two(local.minute)}`;
}

/** Return the moment that `text` names, local or with its offset; null where it names none. */
export function parseLocal(text: string | null, zone: string): number | null {
  if (text === null) return null;
  const parts = /^(\d{4})-(\d{2})-(\d{2})T(\d{1,2}):(\d{2})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) {
    const at = /T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
    return Number.isNaN(at) ? null : at;
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = parts;
  if (year < 2000 || year > 2199 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59) return null;
  return momentOf({ year, month, day, hour, minute }, zone);
}
