/** The tracks of the plan's chart, from its columns: pure but for the words and colours. */
import type { ForecastColumns, ForecastsView, Mode, PlanColumns, PlanView } from "../../api/types";
import type { Column, Shared, TrackSpec } from "../../charts/track";
import { number, percent, symbol } from "../../format";
import { w } from "./words";

const QUARTER_S = 900;

/** Return the time that all tracks share: where each slot begins, and where the last one ends. */
export function sharedTime(slots: PlanColumns, zone: string): Shared {
  const last = slots.start.length - 1;
  const x = [...slots.start, (slots.start[last] ?? 0) + (slots.duration_s[last] ?? 0)];
  const hatched: (readonly [number, number])[] = [];
  slots.price_estimated.forEach((isEstimated, i) => {
    if (!isEstimated) return;
    const before = hatched[hatched.length - 1];
    if (before !== undefined && before[1] === x[i]) hatched[hatched.length - 1] = [before[0], x[i + 1]!];
    else hatched.push([x[i]!, x[i + 1]!]);
  });
  return { x, zone, hatched };
}

/** Return runs of one mode: from slot, to before slot. */
export function modeRuns(modes: readonly Mode[]): { mode: Mode; from: number; to: number }[] {
  const runs: { mode: Mode; from: number; to: number }[] = [];
  modes.forEach((mode, i) => {
    const last = runs[runs.length - 1];
    if (last?.mode === mode) last.to = i + 1;
    else runs.push({ mode, from: i, to: i + 1 });
  });
  return runs;
}

/** A value of the last slot holds to its end. */
const held = (values: readonly number[]): Column => [...values, values[values.length - 1] ?? null];

/** Return a column of a forecast at the plan's slots; what it does not reach is null. */
function atSlots(forecast: ForecastColumns, values: readonly number[], slots: PlanColumns): Column {
  const byStart = new Map(forecast.start.map((start, i) => [start, values[i] ?? null]));
  const found = slots.start.map((start) => byStart.get(start - (start % QUARTER_S)) ?? null);
  return [...found, found[found.length - 1] ?? null];
}

const kilowatts = (value: number) => number(value / 1000, Math.abs(value) < 1000 && value % 1000 !== 0 ? 1 : 0);

export function planTracks(plan: PlanView, slots: PlanColumns, forecasts: ForecastsView | null): TrackSpec[] {
  return [priceTrack(plan, slots), socTrack(plan, slots), energyTrack(slots, forecasts), flowTrack(slots)];
}

function priceTrack(plan: PlanView, slots: PlanColumns): TrackSpec {
  const values = [...slots.import_per_kwh, ...slots.export_per_kwh];
  const decimals = Math.max(...values.map(Math.abs)) < 3 ? 1 : 0;
  return {
    key: "price",
    hatches: true,
    title: w("price"),
    unit: `${symbol(plan.currency)}/kWh`,
    height: 9,
    label: (value) => number(value, decimals === 1 && !Number.isInteger(value * 10) ? 2 : decimals),
    series: [
      { label: w("series.buy"), tone: "import", look: "step", values: held(slots.import_per_kwh), width: 2.5 },
      { label: w("series.sell"), tone: "export", look: "step", values: held(slots.export_per_kwh), dash: [7, 3] },
      { label: w("series.value"), tone: "battery", look: "step", values: held(slots.stored_value_per_kwh), dash: [2, 3] },
    ],
  };
}

function socTrack(plan: PlanView, slots: PlanColumns): TrackSpec {
  const reserve = plan.reserve_soc_pct;
  const series: TrackSpec["series"] = [
    { label: w("series.soc"), tone: "battery", look: "area", values: [plan.start_soc_pct, ...slots.soc_pct], width: 2.5 },
  ];
  if (reserve !== null) {
    const nothing = slots.start.map(() => null);
    const label = w("series.reserve", { soc: percent(reserve) });
    series.push({ label, tone: "warning", look: "line", values: [null, ...nothing], dash: [5, 4] });
  }
  return {
    key: "soc",
    title: w("soc"),
    unit: "%",
    height: 7.5,
    range: [0, 100],
    series,
    ...(reserve === null ? {} : { line: { at: reserve, tone: "warning" } }),
  };
}

function energyTrack(slots: PlanColumns, forecasts: ForecastsView | null): TrackSpec {
  const series: TrackSpec["series"] = [];
  const band = (forecast: ForecastColumns | null | undefined, tone: string, label: string) => {
    if (!forecast) return;
    const values = atSlots(forecast, forecast.p90_w, slots);
    series.push({ label, tone, look: "band", values, low: atSlots(forecast, forecast.p10_w, slots) });
  };
  band(forecasts?.pv, "pv", "");
  band(forecasts?.load, "house", forecasts?.load || forecasts?.pv ? w("series.likely") : "");
  series.push({ label: w("series.pv"), tone: "pv", look: "step", values: held(slots.pv_w), width: 2.5 });
  series.push({ label: w("series.load"), tone: "house", look: "step", values: held(slots.load_w), dash: [7, 3] });
  return { key: "energy", title: w("energy"), unit: "kW", height: 8, label: kilowatts, series };
}

function flowTrack(slots: PlanColumns): TrackSpec {
  return {
    key: "flows",
    title: w("flows"),
    unit: "kW",
    height: 8,
    label: kilowatts,
    series: [
      { label: w("series.battery"), tone: "battery", look: "step-area", values: held(slots.battery_w) },
      { label: w("series.grid"), tone: "grid", look: "step", values: held(slots.grid_w), dash: [7, 3] },
    ],
  };
}
