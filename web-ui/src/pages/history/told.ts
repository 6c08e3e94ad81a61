/** What one bucket of the past holds, in words and numbers. */
import type { HistoryView } from "../../api/past";
import { NONE, clock, energy, local, money, moment, percent, power, price } from "../../format";
import { named, t } from "../../i18n/shared";
import { w } from "./words";

const LENGTH_MS = { quarter_hour: 900_000, hour: 3_600_000 } as const;

export interface Told {
  name: string;
  value: string;
  tone?: string;
  /** Left out where there is little room. */
  isExtra?: boolean;
}

/** Return when bucket `i` was: a time of a reading, a span, a day, a month. */
export function bucketName({ resolution, columns }: HistoryView, i: number): string {
  const at = (columns.start[i] ?? 0) * 1000;
  if (resolution === "day") return local(at, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  if (resolution === "month") return local(at, { month: "long", year: "numeric" });
  if (resolution === "reading") return moment(at);
  return `${moment(at)}–${clock(at + LENGTH_MS[resolution])}`;
}

/**
 * Return the values of bucket `i`, each with its name.
 *
 * `isRow`: as a row of a table, where every row has the same names, and flows have their signs.
 */
export function bucketValues(view: HistoryView, i: number, isRow = false): Told[] {
  const { columns, currency, resolution } = view;
  const isSum = resolution === "day" || resolution === "month";
  const at = <T>(column: readonly (T | null)[]): T | null => column[i] ?? null;
  const rows: Told[] = isSum
    ? [
        { name: w("totals.pv"), value: energy(at(columns.pv_wh)), tone: "pv" },
        { name: w("totals.load"), value: energy(at(columns.load_wh)) },
        { name: w("totals.import"), value: energy(at(columns.import_wh)), tone: "import" },
        { name: w("totals.export"), value: energy(at(columns.export_wh)), tone: "export" },
        { name: w("series.charge"), value: energy(at(columns.charge_wh)), tone: "battery" },
        { name: w("series.discharge"), value: energy(at(columns.discharge_wh)), tone: "battery" },
      ]
    : [
        { name: w("series.pv"), value: power(at(columns.pv_w)), tone: "pv" },
        { name: w("series.load"), value: power(at(columns.load_w)) },
        isRow
          ? { name: w("series.grid"), value: power(at(columns.grid_w)) }
          : signed(at(columns.grid_w), w("tip.grid-buy"), w("tip.grid-sell"), t("grid"), "grid"),
        isRow
          ? { name: w("series.battery"), value: power(at(columns.battery_w)) }
          : signed(at(columns.battery_w), w("tip.battery-gives"), w("tip.battery-takes"), t("battery"), "battery"),
        { name: t("soc"), value: percent(at(columns.soc_pct)) },
      ];
  const guessed = at(columns.price_estimated) === true ? ` (${t("estimated")})` : "";
  rows.push(
    { name: t("buy"), value: price(at(columns.import_per_kwh), currency) + guessed, tone: "import" },
    { name: t("sell"), value: price(at(columns.export_per_kwh), currency) + guessed, tone: "export" },
  );
  if (resolution !== "reading") {
    rows.push(
      { name: w("series.cost"), value: money(at(columns.cost), currency) },
      { name: w("series.self-use-cost"), value: money(at(columns.self_use_cost), currency), isExtra: true },
    );
    const coverage = at(columns.coverage);
    rows.push({ name: w("tip.measured"), value: percent(coverage === null ? null : coverage * 100), isExtra: true });
  }
  const mode = at(columns.mode);
  if (mode !== null || (isRow && !isSum)) rows.push({ name: w("tip.mode"), value: mode === null ? NONE : named("mode", mode), isExtra: true });
  return rows;
}

/** Return a signed power as a magnitude under the name of its direction. */
function signed(value_w: number | null, plus: string, minus: string, rest: string, tone: string): Told {
  if (value_w === null || Math.abs(value_w) < 0.5) return { name: rest, value: power(value_w), tone };
  return { name: value_w > 0 ? plus : minus, value: power(Math.abs(value_w)), tone };
}

/** Return bucket `i` in one sentence. */
export function bucketTold(view: HistoryView, i: number): string {
  return [bucketName(view, i), ...bucketValues(view, i).map(({ name, value }) => `${name} ${value}`)].join(", ");
}
