/** How sentences of the service are told, and what goes before the strategy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { sentences, told, shortened, restsOnEstimates } = await load("src/sentences.ts");
const { forceOf } = await load("src/state/force.ts");

test("each sentence begins with a capital, and numbers end none", () => {
  assert.deepEqual(sentences("asked for 90 %, 0.92 PLN/kWh now. until then 0.39 PLN. next best: hold"), [
    "Asked for 90 %, 0.92 PLN/kWh now.",
    "Until then 0.39 PLN.",
    "Next best: hold",
  ]);
});

test("a short form ends no sentence", () => {
  assert.deepEqual(sentences("potrwa 2 godz. łącznie. żółty", "pl"), ["Potrwa 2 godz. łącznie.", "Żółty"]);
});

test("names of programs become words, and words stay", () => {
  assert.equal(told("next best, from optimal: hold"), "Next best, from the optimal plan: hold");
  assert.equal(told("The strategy multi_factor is in charge"), "The multi-factor score is in charge");
  assert.equal(told("an optimal choice"), "An optimal choice");
  assert.equal(told("self_use", "pl"), "Autokonsumpcja");
});

test("an address is told by host and path", () => {
  assert.equal(shortened("no answer of https://user:key@api.example.pl/api/rce?day=1&k=2: timeout"), "no answer of api.example.pl/api/rce: timeout");
});

test("only some quarters at estimated prices are a mark", () => {
  assert.equal(restsOnEstimates("18 quarters, 0 at estimated prices; of it +6.82"), false);
  assert.equal(restsOnEstimates("18 quarters, 10 at estimated prices"), true);
});

const state = (source, standing, more = {}) => ({
  orders: { standing, emergency_stop: false },
  mode: { source },
  decision: { source, verdict: "allowed" },
  ...more,
});
const hold = { kind: "hold", until: "2026-11-23T06:00:00Z" };
const charge = { kind: "fast_charge", until: "2026-11-23T06:00:00Z" };

test("an order goes first only where it decides", () => {
  assert.equal(forceOf(state("optimal", [charge])), null);
  assert.equal(forceOf(state("fast_charge", [hold, charge])).order, charge);
  assert.equal(forceOf(state("person", [charge, hold])).kind, "hold");
  assert.equal(forceOf(state("person", [])), null);
});

test("safety and a stop go before every order", () => {
  assert.equal(forceOf(state("safety", [hold])).kind, "safety");
  assert.equal(forceOf(state("optimal", [], { decision: { source: "optimal", verdict: "refused" } })).kind, "safety");
  assert.equal(forceOf(state("person", [hold], { orders: { standing: [hold], emergency_stop: true } })).kind, "stop");
});
