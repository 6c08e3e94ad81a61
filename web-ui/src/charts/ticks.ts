/** Where a time axis has its labels: at round local times of the house, on days of 23 and 25 hours too. */
import { localTime, midnight, momentOf } from "../time";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Steps of an axis, the finest first: [approximate length in ms, what it counts, how many of it]. */
const STEPS: readonly (readonly [number, "minute" | "hour" | "day" | "month", number])[] = [
  [5 * MINUTE, "minute", 5],
  [10 * MINUTE, "minute", 10],
  [15 * MINUTE, "minute", 15],
  [30 * MINUTE, "minute", 30],
  [HOUR, "hour", 1],
  [2 * HOUR, "hour", 2],
  [3 * HOUR, "hour", 3],
  [6 * HOUR, "hour", 6],
  [12 * HOUR, "hour", 12],
  [DAY, "day", 1],
  [2 * DAY, "day", 2],
  [7 * DAY, "day", 7],
  [14 * DAY, "day", 14],
  [30.4 * DAY, "month", 1],
  [91 * DAY, "month", 3],
  [365 * DAY, "month", 12],
];

export interface Ticks {
  /** Epoch seconds. */
  at: number[];
  /** What the labels tell: a time of day, a day, or a month. */
  tells: "time" | "day" | "month";
}

/** Return at most `most` round local times within [from, to], epoch seconds. */
export function ticks(from: number, to: number, zone: string, most: number): Ticks {
  const span = (to - from) * 1000;
  const step = STEPS.find(([length]) => span / length <= Math.max(1, most)) ?? STEPS[STEPS.length - 1]!;
  const [, counts, n] = step;
  const at = counts === "day" || counts === "month" ? calendar(from, to, zone, counts, n) : clockTimes(from, to, zone, counts, n);
  return { at, tells: counts === "month" ? "month" : counts === "day" ? "day" : "time" };
}

/** Round times of day: every moment on a fine grid whose local time is a multiple of the step. */
function clockTimes(from: number, to: number, zone: string, counts: "minute" | "hour", n: number): number[] {
  const grid = (counts === "minute" ? n : 15) * 60; // zones lie at multiples of a quarter of an hour from UTC
  const found: number[] = [];
  for (let at = Math.ceil(from / grid) * grid; at <= to; at += grid) {
    const { hour, minute } = localTime(at * 1000, zone);
    if (counts === "minute" ? minute % n === 0 : minute === 0 && hour % n === 0) found.push(at);
  }
  return found;
}

function calendar(from: number, to: number, zone: string, counts: "day" | "month", n: number): number[] {
  const found: number[] = [];
  const { year, month, day } = localTime(from * 1000, zone);
  for (let i = 0; ; i += n) {
    const first = counts === "day" ? { year, month, day: day + i } : { year, month: month - ((month - 1) % n) + i, day: 1 };
    const at = momentOf({ ...first, hour: 0, minute: 0 }, zone) / 1000;
    if (at > to) return found;
    if (at >= from) found.push(at);
  }
}

/** Return the local midnights within [from, to], epoch seconds. */
export function midnights(from: number, to: number, zone: string): number[] {
  const found: number[] = [];
  for (let days = 0; ; days += 1) {
    const at = midnight(from * 1000, zone, days) / 1000;
    if (at > to) return found;
    if (at >= from) found.push(at);
  }
}
