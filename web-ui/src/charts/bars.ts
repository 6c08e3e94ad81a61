/** Bars of a track: each series with the look `bar` stands on the ones before it; negative values hang below zero. */
import type uPlot from "uplot";
import { colour } from "../theme";
import type { Column, SeriesSpec, Shared, TrackSpec } from "./track";

/** How much of its slot a bar leaves free; so narrow ones leave nothing, or the gaps would make a pattern [px]. */
const FREE = 0.22;
const NARROW_PX = 5;

const isBar = (series: SeriesSpec) => series.look === "bar";

/** Draw the bars of `spec`; a value that is null is not drawn. */
export function drawBars(plot: uPlot, spec: TrackSpec, shared: Shared): void {
  const bars = spec.series.filter(isBar).map((series) => ({ values: series.values, fill: colour(series.tone) }));
  if (bars.length === 0) return;
  const { ctx, bbox } = plot;
  const y = (value: number) => plot.valToPos(value, "y", true);
  const zero = y(0);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (let slot = 0; slot + 1 < shared.x.length; slot += 1) {
    const [from, to] = [plot.valToPos(shared.x[slot]!, "x", true), plot.valToPos(shared.x[slot + 1]!, "x", true)];
    const free = to - from < NARROW_PX * devicePixelRatio ? 0 : ((to - from) * FREE) / 2;
    const left = Math.round(from + free);
    const width = Math.max(1, Math.round(to - free) - left);
    let [up, down] = [0, 0];
    for (const { values, fill } of bars) {
      const value = values[slot] ?? 0;
      if (value === 0) continue;
      const foot = value > 0 ? up : down;
      const [top, bottom] = [y(foot + Math.max(0, value)), y(foot + Math.min(0, value))];
      if (value > 0) up += value;
      else down += value;
      const seam = free > 0 && foot !== 0 ? devicePixelRatio : 0; // told apart by more than colour
      ctx.fillStyle = fill;
      ctx.fillRect(left, top + (value < 0 ? seam : 0), width, Math.max(1, bottom - top - seam));
    }
  }
  ctx.fillStyle = colour("ink-3");
  ctx.fillRect(bbox.left, zero, bbox.width, devicePixelRatio);
  ctx.restore();
}

/** Return the ends of a scale that holds the stacks of `columns`, and zero. */
export function stackRange(columns: readonly Column[], slots: number, also: readonly Column[] = []): [number, number] {
  let [low, high] = [0, 0];
  for (let slot = 0; slot < slots; slot += 1) {
    let [up, down] = [0, 0];
    for (const column of columns) {
      const value = column[slot] ?? 0;
      if (value > 0) up += value;
      else down += value;
    }
    for (const column of also) {
      up = Math.max(up, column[slot] ?? 0);
      down = Math.min(down, column[slot] ?? 0);
    }
    [low, high] = [Math.min(low, down), Math.max(high, up)];
  }
  const air = (high - low || 1) * 0.06;
  return [low < 0 ? low - air : 0, high > 0 || low === 0 ? high + air : 0];
}
