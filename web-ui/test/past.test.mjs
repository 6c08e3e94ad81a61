/** Spans, periods and scales of the pages History and Savings: local times, days of 23 and 25 hours, round steps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const ZONE = "Europe/Warsaw";
const HOUR = 3_600_000;
const utc = (text) => Date.parse(text);

const range = await load("src/pages/history/range.ts");
const columns = await load("src/pages/history/columns.ts");
const period = await load("src/pages/savings/period.ts");
const { scaleOf } = await load("src/pages/savings/scale.ts");

const asked = (text) => new URLSearchParams(text);
const span = (text, now) => range.spanOf(asked(text), utc(now), ZONE);

test("a span without an address is the last day, and moves on by whole minutes", () => {
  const found = span("", "2026-11-23T02:31:20Z");
  assert.deepEqual([found.range, found.isLive, found.show], ["24h", true, "power"]);
  assert.equal(found.end, utc("2026-11-23T02:32:00Z"));
  assert.equal(found.end - found.start, 24 * HOUR);
});

test("seven days and thirty days begin at a local midnight, the day the clocks change among them", () => {
  assert.equal(span("range=7d", "2026-10-28T12:00:00Z").start, utc("2026-10-21T22:00:00Z")); // still summer time
  assert.equal(span("range=30d", "2026-04-10T12:00:00Z").start, utc("2026-03-11T23:00:00Z")); // still winter time
  assert.equal(span("range=30d", "2026-04-10T12:00:00Z").show, "day");
});

test("a year begins a day after the same day of the year before", () => {
  const found = span("range=1y", "2026-11-23T12:00:00Z");
  assert.equal(found.start, utc("2025-11-23T23:00:00Z"));
  assert.equal(found.show, "day");
});

test("an own span is local; an empty or unreadable one is none", () => {
  const found = span("range=own&from=2026-10-25T00:00&to=2026-10-26T00:00", "2026-11-23T12:00:00Z");
  assert.equal(found.end - found.start, 25 * HOUR);
  for (const wrong of ["from=2026-10-26T00:00&to=2026-10-25T00:00", "from=&to=", "from=2026-13-01T00:00&to=2027-01-01T00:00", "from=x&to=y"]) {
    assert.equal(span(`range=own&${wrong}`, "2026-11-23T12:00:00Z"), null);
  }
});

test("what does not fit a span is not shown so", () => {
  assert.equal(span("range=1h&show=month", "2026-11-23T12:00:00Z").show, "power");
  assert.equal(span("range=1y&show=month", "2026-11-23T12:00:00Z").show, "month");
  assert.equal(span("range=own&from=2020-01-01T00:00&to=2026-01-01T00:00&show=power", "2026-11-23T12:00:00Z").show, "month");
});

test("back and forward go by one range, and reach the present again", () => {
  const now = utc("2026-11-23T12:00:00Z");
  for (const name of ["1h", "6h", "24h", "7d", "30d", "1y"]) {
    const first = span(`range=${name}`, "2026-11-23T12:00:00Z");
    const earlier = range.spanOf(asked(new URLSearchParams(Object.entries(range.stepped(first, -1, now, ZONE)).filter(([, v]) => v !== null)).toString()), now, ZONE);
    assert.equal(earlier.end, first.start, name);
    assert.equal(earlier.isLive, false, name);
    assert.equal(range.stepped(earlier, 1, now, ZONE).end, null, name);
  }
});

test("a written local time is read as the same moment, in the doubled hour too", () => {
  for (let at = utc("2026-10-24T20:00:00Z"); at < utc("2026-10-25T06:00:00Z"); at += HOUR / 4) {
    assert.equal(range.parseLocal(range.writeLocal(at, ZONE), ZONE), at);
  }
  for (let at = utc("2026-03-28T20:00:00Z"); at < utc("2026-03-29T06:00:00Z"); at += HOUR / 4) {
    assert.equal(range.parseLocal(range.writeLocal(at, ZONE), ZONE), at);
  }
});

const view = (resolution, starts, end, coverage) => ({
  resolution,
  end,
  columns: { start: starts.map((text) => utc(text) / 1000), coverage, pv_w: [], load_w: [], grid_w: [], battery_w: [], soc_pct: [], pv_wh: [], load_wh: [] },
});

test("the last day and month end at a local midnight, on days of 23 and 25 hours too", () => {
  const now = utc("2027-01-01T00:00:00Z");
  const long = columns.sharedTime(view("day", ["2026-10-24T22:00:00Z"], "2026-10-25T22:59:00Z", [1]), ZONE, now);
  assert.equal(long.x[1] - long.x[0], 25 * 3600);
  const short = columns.sharedTime(view("day", ["2026-03-28T23:00:00Z"], "2026-03-29T22:00:00Z", [1]), ZONE, now);
  assert.equal(short.x[1] - short.x[0], 23 * 3600);
  const month = columns.sharedTime(view("month", ["2026-11-30T23:00:00Z"], "2026-12-31T23:00:00Z", [1]), ZONE, now);
  assert.equal(month.x[1], utc("2026-12-31T23:00:00Z") / 1000);
});

test("buckets measured in part are marked as runs; the one that still runs is not", () => {
  const starts = ["2026-11-22T00:00:00Z", "2026-11-22T01:00:00Z", "2026-11-22T02:00:00Z", "2026-11-22T03:00:00Z"];
  const { hatched, x } = columns.sharedTime(view("hour", starts, "2026-11-22T04:00:00Z", [0, 0.5, 1, 0.3]), ZONE, utc("2026-11-22T03:30:00Z"));
  assert.deepEqual(hatched, [[x[0], x[2]]]);
});

test("runs of a mode end where nobody knows it", () => {
  assert.deepEqual(columns.modeRuns(["hold", "hold", null, "hold", "charge", "what"]), [
    { mode: "hold", from: 0, to: 2 },
    { mode: "hold", from: 3, to: 4 },
    { mode: "charge", from: 4, to: 5 },
  ]);
});

test("a month ends today at the latest, and one of the future has no days", () => {
  const now = utc("2026-11-23T12:00:00Z");
  assert.deepEqual(period.daysOf({ year: 2026, month: 11 }, now, ZONE), { start: "2026-11-01", end: "2026-11-23" });
  assert.deepEqual(period.daysOf({ year: 2024, month: 2 }, now, ZONE), { start: "2024-02-01", end: "2024-02-29" });
  assert.deepEqual(period.daysOf({ year: 2025, month: null }, now, ZONE), { start: "2025-01-01", end: "2025-12-31" });
  assert.equal(period.daysOf({ year: 2026, month: 12 }, now, ZONE), null);
});

test("months step over the turn of the year", () => {
  assert.deepEqual(period.moved({ year: 2026, month: 1 }, -1), { year: 2025, month: 12 });
  assert.deepEqual(period.moved({ year: 2025, month: 12 }, 1), { year: 2026, month: 1 });
  assert.deepEqual(period.moved({ year: 2025, month: null }, 1), { year: 2026, month: null });
  assert.deepEqual(period.periodOf(asked("month=2026-13"), utc("2026-11-30T23:30:00Z"), ZONE), { year: 2026, month: 12 });
});

test("a scale holds its values and zero, in few round steps", () => {
  for (const values of [[], [0], [3.2, 8.9], [-0.4, 0.02], [-12, -3], [1234, 5], [0.004]]) {
    const { low, high, ticks } = scaleOf(values);
    assert.ok(low <= Math.min(0, ...values) && high >= Math.max(0, ...values), String(values));
    assert.ok(ticks.some((tick) => Math.abs(tick) < 1e-9), String(values));
    assert.ok(ticks.length >= 2 && ticks.length <= 8, `${values}: ${ticks}`);
    assert.ok(high > low);
  }
});

test("the time before the first reading and after the last belongs to the picture", () => {
  const told = {
    ...view("reading", ["2026-11-22T00:30:00Z", "2026-11-22T00:31:00Z"], "2026-11-22T01:00:00Z", [1, 1]),
    start: "2026-11-22T00:00:00Z",
  };
  told.columns.pv_w = [5, 6];
  const now = utc("2026-11-23T00:00:00Z");
  const asked = { start: utc("2026-11-22T00:10:00Z"), end: utc("2026-11-22T00:55:00Z") };
  const whole = columns.padded(told, asked, now);
  assert.deepEqual(whole.columns.pv_w, [null, 5, 6, null]);
  const { x } = columns.sharedTime(whole, ZONE, now);
  assert.equal(x[0], asked.start / 1000); // not the quarter it lies in: that was not asked for
  assert.equal(x.at(-1), asked.end / 1000);
  assert.equal(columns.lastMeasured(whole), 2);
  assert.equal(columns.padded(told, { start: utc("2026-11-21T00:00:00Z"), end: utc("2026-11-22T00:00:00Z") }, now), told);
  assert.equal(columns.padded(told, { start: utc("2026-11-22T00:29:00Z"), end: utc("2026-11-22T00:50:00Z") }, now).columns.pv_w[0], 5);
});
