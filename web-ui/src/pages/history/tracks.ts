/** The tracks of the past: power, state of charge and prices; or energy and money by day or month. */
import type { HistoryColumns, HistoryView } from "../../api/past";
import { stackRange } from "../../charts/bars";
import type { Column, Look, SeriesSpec, TrackSpec } from "../../charts/track";
import { number, symbol } from "../../format";
import { t } from "../../i18n/shared";
import { w } from "./words";

/** A value of the last slot holds to its end. */
const held = (values: Column): Column => [...values, values[values.length - 1] ?? null];
const kilo = (values: Column, sign: 1 | -1 = 1): Column => values.map((value) => (value === null ? null : (sign * value) / 1000));

const plainLabel = (value: number) => number(value, Number.isInteger(value) ? 0 : Number.isInteger(value * 10) ? 1 : 2);

export function powerTracks({ columns, resolution, currency }: HistoryView): TrackSpec[] {
  const isReading = resolution === "reading";
  const [look, area]: [Look, Look] = isReading ? ["line", "area"] : ["step", "step-area"];
  const of = (label: string, tone: string, values: Column, as: Look): SeriesSpec => ({ label, tone, look: as, values: held(kilo(values)), width: 1.75 });
  return [
    {
      key: "power",
      title: w("track.power"),
      unit: "kW",
      height: 14,
      hatchWords: w("chart.gap"),
      label: plainLabel,
      hatches: true,
      series: [
        of(w("series.pv"), "pv", columns.pv_w, area),
        { ...of(w("series.load"), "house", columns.load_w, look), dash: [6, 2] },
        of(w("series.grid"), "grid", columns.grid_w, look),
        of(w("series.battery"), "battery", columns.battery_w, look),
      ],
    },
    {
      key: "soc",
      title: t("soc"),
      unit: "%",
      height: 6,
      range: [0, 100],
      hatches: true,
      // told at the end of a bucket: a bucket's value stands where the next one begins
      series: [{ label: "", tone: "battery", look: "area", values: isReading ? held(columns.soc_pct) : [null, ...columns.soc_pct] }],
    },
    ...priceTracks(columns, currency),
  ];
}

/** The track of the prices; none where no price is known. */
function priceTracks(columns: HistoryColumns, currency: string): TrackSpec[] {
  const isKnown = [...columns.import_per_kwh, ...columns.export_per_kwh].some((value) => value !== null);
  return isKnown ? [priceTrack(columns, currency)] : [];
}

function priceTrack(columns: HistoryColumns, currency: string): TrackSpec {
  const part = (values: Column, estimated: boolean): Column =>
    held(values.map((value, i) => ((columns.price_estimated[i] ?? false) === estimated ? value : null)));
  const series: SeriesSpec[] = [
    { label: w("series.buy"), tone: "import", look: "step", values: part(columns.import_per_kwh, false) },
    { label: w("series.sell"), tone: "export", look: "step", values: part(columns.export_per_kwh, false) },
  ];
  if (columns.price_estimated.some((one) => one === true)) {
    series.push({ label: w("series.buy-estimated"), tone: "import", look: "step", values: part(columns.import_per_kwh, true), dash: [3, 4] });
    series.push({ label: w("series.sell-estimated"), tone: "export", look: "step", values: part(columns.export_per_kwh, true), dash: [3, 4] });
  }
  return { key: "price", title: w("track.price"), unit: `${symbol(currency)}/kWh`, height: 7, label: plainLabel, hatches: true, series };
}

/** Above zero: where the energy came from; below: where it went. */
export function energyTracks({ columns, currency }: HistoryView): TrackSpec[] {
  const slots = columns.start.length;
  const bar = (label: string, tone: string, values: Column): SeriesSpec => ({ label, tone, look: "bar", values: held(values) });
  const energies = [
    bar(w("series.pv"), "pv", kilo(columns.pv_wh)),
    bar(w("series.import"), "import", kilo(columns.import_wh)),
    bar(w("series.discharge"), "battery", kilo(columns.discharge_wh)),
    bar(w("series.used"), "house", kilo(columns.load_wh, -1)),
    bar(w("series.export"), "export", kilo(columns.export_wh, -1)),
    bar(w("series.charge"), "battery", kilo(columns.charge_wh, -1)),
  ];
  return [
    {
      key: "energy",
      title: w("track.energy"),
      unit: "kWh",
      height: 16,
      hatchWords: w("chart.gap"),
      label: (value) => plainLabel(Math.abs(value)),
      hatches: true,
      range: stackRange(energies.map((one) => one.values), slots),
      series: energies,
    },
    {
      key: "money",
      title: w("track.money"),
      unit: symbol(currency),
      height: 8,
      label: plainLabel,
      hatches: true,
      range: stackRange([columns.cost], slots, [columns.self_use_cost]),
      series: [
        bar(w("series.cost"), "grid", columns.cost),
        { label: w("series.self-use-cost"), tone: "house-ink", look: "step", values: held(columns.self_use_cost), width: 1.5 },
      ],
    },
    ...priceTracks(columns, currency),
  ];
}
