/** Local times of the house's zone, over both changes of the clocks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const time = await load("src/time.ts");
const { ticks, midnights } = await load("src/charts/ticks.ts");
const ZONE = "Europe/Warsaw";
const at = (text) => Date.parse(text);
const told = (ms) => new Date(ms).toISOString().slice(0, 16) + "Z";

test("a local time is found on ordinary days, and in another zone", () => {
  const local = { year: 2026, month: 11, day: 23, hour: 7, minute: 30 };
  assert.equal(told(time.momentOf(local, ZONE)), "2026-11-23T06:30Z");
  assert.equal(told(time.momentOf(local, "UTC")), "2026-11-23T07:30Z");
  assert.equal(told(time.momentOf(local, "Pacific/Auckland")), "2026-11-22T18:30Z");
});

test("a time that the clocks skip is an hour later; of one shown twice, the first", () => {
  const spring = { year: 2026, month: 3, day: 29, hour: 2, minute: 30 };
  assert.equal(told(time.momentOf(spring, ZONE)), "2026-03-29T01:30Z"); // shown as 03:30
  const autumn = { year: 2026, month: 10, day: 25, hour: 2, minute: 30 };
  assert.equal(told(time.momentOf(autumn, ZONE)), "2026-10-25T00:30Z");
});

test("only the hour before and after the clocks are put back is shown twice", () => {
  const quarters = Array.from({ length: 24 }, (_, i) => at("2026-10-24T22:00Z") + i * 900_000);
  const twice = quarters.filter((ms) => time.isShownTwice(ms, ZONE)).map(told);
  assert.equal(twice.length, 8);
  assert.deepEqual([twice[0], twice[7]], ["2026-10-25T00:00Z", "2026-10-25T01:45Z"]);
  assert.equal(time.isShownTwice(at("2026-03-29T01:00Z"), ZONE), false);
});

test("midnights bound days of 23, 24 and 25 hours", () => {
  const hours = (day) => {
    const noon = at(`${day}T11:00Z`);
    return (time.midnight(noon, ZONE, 1) - time.midnight(noon, ZONE)) / 3_600_000;
  };
  assert.deepEqual(["2026-03-29", "2026-06-01", "2026-10-25"].map(hours), [23, 24, 25]);
});

test("the next 07:00 is today's or tomorrow's, also over a change of the clocks", () => {
  assert.equal(told(time.nextLocal(7, 0, at("2026-11-23T05:00Z"), ZONE)), "2026-11-23T06:00Z");
  assert.equal(told(time.nextLocal(7, 0, at("2026-11-23T06:00Z"), ZONE)), "2026-11-24T06:00Z");
  assert.equal(told(time.nextLocal(7, 0, at("2026-03-28T20:00Z"), ZONE)), "2026-03-29T05:00Z");
  assert.equal(told(time.nextLocal(7, 0, at("2026-10-24T20:00Z"), ZONE)), "2026-10-25T06:00Z");
  assert.equal(told(time.nextLocal(7, 0, at("2026-12-31T20:00Z"), ZONE)), "2027-01-01T06:00Z");
});

test("days are counted by the calendar, not by 24 hours", () => {
  assert.equal(time.daysFrom(at("2026-10-24T22:30Z"), at("2026-10-25T23:30Z"), ZONE), 1); // 00:30 and 00:30, 25 h apart
  assert.equal(time.daysFrom(at("2026-11-23T22:59Z"), at("2026-11-23T23:00Z"), ZONE), 1);
});

test("labels of an axis stand at round local times on the day that loses an hour", () => {
  const from = time.midnight(at("2026-03-29T10:00Z"), ZONE) / 1000;
  const to = time.midnight(at("2026-03-29T10:00Z"), ZONE, 1) / 1000;
  const found = ticks(from, to, ZONE, 8);
  assert.equal(found.tells, "time");
  assert.deepEqual(found.at.map((s) => time.localTime(s * 1000, ZONE).hour), [0, 3, 6, 9, 12, 15, 18, 21, 0]);
  assert.deepEqual(midnights(from, to, ZONE), [from, to]);
});

test("labels of a year stand at the beginnings of months", () => {
  const from = at("2026-01-15T00:00Z") / 1000;
  const found = ticks(from, from + 365 * 86_400, ZONE, 12.5);
  assert.equal(found.tells, "month");
  assert.ok(found.at.length >= 11 && found.at.length <= 13);
  for (const s of found.at) {
    const { day, hour, minute } = time.localTime(s * 1000, ZONE);
    assert.deepEqual([day, hour, minute], [1, 0, 0]);
  }
});
