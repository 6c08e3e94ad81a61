/** What the power flow shows, in house signs: positive delivers to the house. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { flows, sources } = await load("src/pages/now/flow-model.ts");
const quality = { pv: "good", battery: "good", grid: "good", load: "good" };
const house = (pv_w, battery_w, grid_w, load_w) => flows({ pv_w, battery_w, grid_w, load_w, quality });
const inward = (all) => ["pv", "battery", "grid", "house"].map((name) => all[name].inward);

test("a sunny noon: the sun feeds house, battery and grid", () => {
  const all = house(4000, -2500, -900, 600);
  assert.deepEqual(inward(all), [1, -1, -1, -1]);
  assert.deepEqual(sources(all), [{ name: "pv", share: 1 }]);
});

test("an evening: battery and grid share the house", () => {
  const all = house(0, 1500, 500, 2000);
  assert.deepEqual(inward(all), [0, 1, 1, -1]);
  assert.deepEqual(sources(all), [{ name: "battery", share: 0.75 }, { name: "grid", share: 0.25 }]);
});

test("what is unknown is neither a flow nor a share", () => {
  const all = house(null, null, 700, null);
  assert.deepEqual(inward(all), [0, 0, 1, 0]);
  assert.deepEqual(sources(all), []);
});

test("some watts of nothing are rest", () => {
  assert.deepEqual(inward(house(3, -8, 6, 1)), [0, 0, 0, 0]);
});
