/** Local times of the house's zone. Moments are epoch milliseconds; no day is taken to have 24 hours. */

/** What a field for a time of day takes: 24 hours, on every device. */
export const CLOCK_PATTERN = "([01]?[0-9]|2[0-3]):[0-5][0-9]";

export interface LocalTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
    });
    formats.set(zone, format);
  }
  return format;
}

/** Return what the clocks of `zone` show at `at`. */
export function localTime(at: number, zone: string): LocalTime {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts;
  return { year, month, day, hour, minute };
}

function offset(at: number, zone: string): number {
  const { year, month, day, hour, minute } = localTime(at, zone);
  return Date.UTC(year, month - 1, day, hour, minute) - Math.floor(at / 60_000) * 60_000;
}

/** Return whether the clocks of `zone` show the time of `at` twice, as in the night when they are put back. */
export function isShownTwice(at: number, zone: string): boolean {
  const here = offset(at, zone);
  return [1_800_000, 3_600_000].some((by) => offset(at - by, zone) === here + by || offset(at + by, zone) === here - by);
}

/**
 * Return the moment at which the clocks of `zone` show a time; days past the end of a month count on.
 *
 * A time that the clocks skip is taken an hour later; of one they show twice, the first is taken.
 */
export function momentOf(local: LocalTime, zone: string): number {
  const naive = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute);
  const candidates = [offset(naive - 86_400_000, zone), offset(naive + 86_400_000, zone)].map((by) => naive - by);
  const exact = candidates.filter((at) => naive - at === offset(at, zone));
  return exact.length > 0 ? Math.min(...exact) : Math.max(...candidates);
}

/** Return the local midnight that begins the day of `at`, `days` further on. */
export function midnight(at: number, zone: string, days = 0): number {
  const { year, month, day } = localTime(at, zone);
  return momentOf({ year, month, day: day + days, hour: 0, minute: 0 }, zone);
}

/** Return when the clocks of `zone` next show `hour`:`minute`, after `now`. */
export function nextLocal(hour: number, minute: number, now: number, zone: string): number {
  const { year, month, day } = localTime(now, zone);
  const today = momentOf({ year, month, day, hour, minute }, zone);
  return today > now ? today : momentOf({ year, month, day: day + 1, hour, minute }, zone);
}

/** Return by how many local days `at` is after `now`: 0 is today. */
export function daysFrom(now: number, at: number, zone: string): number {
  const a = localTime(now, zone);
  const b = localTime(at, zone);
  return Math.round((Date.UTC(b.year, b.month - 1, b.day) - Date.UTC(a.year, a.month - 1, a.day)) / 86_400_000);
}
