/** Zooming: a part of the chart becomes the span, and the way back is remembered. */
import { signal } from "@preact/signals";
import { keepQuery, query } from "../../router";
import { zone } from "../../state/live";
import { ownQuery } from "./range";

/** Nothing is closer to read than some minutes: readings are a minute apart. */
const CLOSEST_MS = 10 * 60_000;
const MINUTE = 60_000;

/** The spans that were zoomed into, as addresses, the newest last. */
export const zooms = signal<readonly string[]>([]);

export function zoomTo(start: number, end: number): void {
  const middle = (start + end) / 2;
  const half = Math.max(end - start, CLOSEST_MS) / 2;
  const [from, to] = [Math.floor((middle - half) / MINUTE) * MINUTE, Math.ceil((middle + half) / MINUTE) * MINUTE];
  zooms.value = [...zooms.value, query.value.toString()];
  keepQuery(ownQuery(from, to, zone.value));
}

export function zoomOut(): void {
  const last = zooms.value.at(-1);
  if (last === undefined) return;
  zooms.value = zooms.value.slice(0, -1);
  keepQuery(Object.fromEntries(new URLSearchParams(last)));
}

export function forgetZooms(): void {
  zooms.value = [];
}
