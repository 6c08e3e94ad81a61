/** The period that is looked at: a local month or year, kept in the address (`?month=2026-11`, `?year=2026`). */
import { localTime } from "../../time";

export interface Period {
  year: number;
  /** 1-12; null is the whole year. */
  month: number | null;
}

const two = (value: number) => String(value).padStart(2, "0");

/** Return the period that `query` asks for, else the present month. */
export function periodOf(query: URLSearchParams, now: number, zone: string): Period {
  const month = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(query.get("month") ?? "");
  if (month !== null) return { year: Number(month[1]), month: Number(month[2]) };
  const year = /^\d{4}$/.exec(query.get("year") ?? "");
  if (year !== null) return { year: Number(year[0]), month: null };
  const present = localTime(now, zone);
  return { year: present.year, month: present.month };
}

export function queryOf({ year, month }: Period): Record<string, string | null> {
  return month === null ? { year: String(year), month: null } : { month: `${year}-${two(month)}`, year: null };
}

/** Return the period `by` months (or years) on. */
export function moved({ year, month }: Period, by: number): Period {
  if (month === null) return { year: year + by, month };
  const months = year * 12 + (month - 1) + by;
  return { year: Math.floor(months / 12), month: (months % 12) + 1 };
}

/** Return the first and the last local day of it, not later than today; null where it lies in the future. */
export function daysOf({ year, month }: Period, now: number, zone: string): { start: string; end: string } | null {
  const present = localTime(now, zone);
  const today = `${present.year}-${two(present.month)}-${two(present.day)}`;
  const start = `${year}-${two(month ?? 1)}-01`;
  const last = month === null ? `${year}-12-31` : `${year}-${two(month)}-${two(new Date(Date.UTC(year, month, 0)).getUTCDate())}`;
  return start > today ? null : { start, end: last < today ? last : today };
}

/** Return a local day's noon in UTC, for writing its date: no zone moves noon into another day. */
export const noonOf = (day: string): number => Date.parse(`${day}T12:00:00Z`);
