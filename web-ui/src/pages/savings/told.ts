/** Days, months and periods in words. Dates are local already: they are written by their noon in UTC. */
import { locale } from "../../i18n";
import { noonOf, type Period } from "./period";

function written(day: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(locale.value, { ...options, timeZone: "UTC" }).format(noonOf(day));
}

/** "Mon, 23 Nov" */
export const dayName = (day: string): string => written(day, { weekday: "short", day: "numeric", month: "short" });

/** "November 2026" */
export const monthName = (day: string): string => written(day, { month: "long", year: "numeric" });

/** "Nov" */
export const shortMonth = (day: string): string => written(day, { month: "short" });

export function periodName({ year, month }: Period): string {
  return month === null ? String(year) : monthName(`${year}-${String(month).padStart(2, "0")}-01`);
}
