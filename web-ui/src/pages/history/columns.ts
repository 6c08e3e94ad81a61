/** Columns of the past as a chart wants them: pure. */
import type { HistoryColumns, HistoryView } from "../../api/past";
import type { Mode } from "../../api/types";
import type { Shared } from "../../charts/track";
import { localTime, midnight, momentOf } from "../../time";

const LENGTH_S = { reading: 60, quarter_hour: 900, hour: 3600 } as const;
/** A bucket of which less was measured is marked: its sums are of a part. */
export const WELL_MEASURED = 0.9;

const MODES: readonly Mode[] = ["self_use", "charge", "discharge", "hold", "no_charge", "standby"];
const isMode = (name: string | null | undefined): name is Mode => MODES.some((mode) => mode === name);

const QUARTER_MS = 900_000;
/** A longer silence than this between readings is a gap [s]. */
const SILENCE_S = 150;

/**
 * Return `view` with a bucket of nothing where readings begin after the span does, or end before it: rows are only given
 * from the first reading to the last, and the time before and after belongs to the picture. `span` is what was asked for
 * [ms]: the view's own ends are those of whole quarters. While another span is being loaded, nothing is added.
 */
export function padded(view: HistoryView, span: { start: number; end: number }, now: number): HistoryView {
  const { start } = view.columns;
  const isOfSpan = Math.abs(Date.parse(view.start) - span.start) < QUARTER_MS && Math.abs(Date.parse(view.end) - span.end) < QUARTER_MS;
  if (!isOfSpan) return view;
  const [from, to] = [span.start / 1000, Math.min(span.end, now) / 1000];
  const [first, last] = [start[0], start[start.length - 1]];
  if (view.resolution !== "reading" || first === undefined || last === undefined) return view;
  const before = first - from > SILENCE_S;
  const after = to - last > SILENCE_S;
  if (!before && !after) return view;
  const pad = <T>(values: T[], head: T, tail: T): T[] => [...(before ? [head] : []), ...values, ...(after ? [tail] : [])];
  const columns = Object.fromEntries(
    Object.entries(view.columns).map(([name, values]) => [name, pad<unknown>(values as unknown[], null, null)]),
  ) as unknown as HistoryColumns;
  return { ...view, end: new Date(to * 1000).toISOString(), columns: { ...columns, start: pad(start, from, last + LENGTH_S.reading) } };
}

/** Return where each bucket begins and the last one ends, and which spans were measured poorly; epoch seconds. */
export function sharedTime(view: HistoryView, zone: string, now: number): Shared {
  const { start } = view.columns;
  const x = start.length === 0 ? [] : [...start, endOfLast(view, zone)];
  const hatched: (readonly [number, number])[] = [];
  start.forEach((from, i) => {
    const to = x[i + 1]!;
    if (!isPoor(view.columns, i) || to * 1000 > now) return; // a bucket that still runs is not over, and no gap
    const before = hatched[hatched.length - 1];
    if (before !== undefined && before[1] === from) hatched[hatched.length - 1] = [before[0], to];
    else hatched.push([from, to]);
  });
  return { x, zone, hatched };
}

function isPoor(columns: HistoryColumns, i: number): boolean {
  const coverage = columns.coverage[i];
  if (coverage !== null && coverage !== undefined) return coverage < WELL_MEASURED;
  return [columns.pv_w, columns.load_w, columns.grid_w, columns.battery_w].every((column) => column[i] == null);
}

function endOfLast({ resolution, columns, end }: HistoryView, zone: string): number {
  const last = columns.start[columns.start.length - 1] ?? 0;
  if (resolution === "day") return midnight(last * 1000, zone, 1) / 1000;
  if (resolution === "month") {
    const { year, month } = localTime(last * 1000, zone);
    return momentOf({ year, month: month + 1, day: 1, hour: 0, minute: 0 }, zone) / 1000;
  }
  const length = LENGTH_S[resolution];
  if (resolution !== "reading") return last + length;
  const to = Date.parse(end) / 1000;
  return isPoor(columns, columns.start.length - 1) ? Math.max(last + 1, to) : Math.max(last + 1, Math.min(last + length, to));
}

/** Return runs of one mode, from slot to before slot; where nobody knows the mode there is none. */
export function modeRuns(modes: readonly (string | null)[]): { mode: Mode; from: number; to: number }[] {
  const runs: { mode: Mode; from: number; to: number }[] = [];
  modes.forEach((mode, i) => {
    const last = runs[runs.length - 1];
    if (!isMode(mode)) return;
    if (last?.mode === mode && last.to === i) last.to = i + 1;
    else runs.push({ mode, from: i, to: i + 1 });
  });
  return runs;
}

/** Return the newest bucket of which anything was measured; null where there is none. */
export function lastMeasured({ columns }: HistoryView): number | null {
  const shown = [columns.pv_w, columns.load_w, columns.grid_w, columns.battery_w, columns.soc_pct, columns.pv_wh, columns.load_wh];
  for (let i = columns.start.length - 1; i >= 0; i -= 1) if (shown.some((column) => column[i] != null)) return i;
  return null;
}
