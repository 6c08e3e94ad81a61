/** The sums of the span: energies, money, and how much of it came from one's own roof. */
import type { HistoryTotals, HistoryView } from "../../api/past";
import { Card } from "../../components/card";
import { Tiles, type Fact } from "../../components/facts";
import { energy, money, percent } from "../../format";
import { w } from "./words";

/** Less than so much of the span measured is told. */
const WHOLE = 0.98;

export function Totals({ view }: { view: HistoryView }) {
  const { totals, currency } = view;
  return (
    <Card title={w("totals.title")}>
      <Tiles tiles={tilesOf(totals, currency)} testid="history-totals" />
      {totals.coverage !== null && totals.coverage < WHOLE && (
        <p class="quiet">{w("totals.partly", { share: percent(100 * totals.coverage) })}</p>
      )}
    </Card>
  );
}

function tilesOf(totals: HistoryTotals, currency: string): Fact[] {
  const cost: Fact = { name: w("totals.cost"), value: money(totals.cost, currency) };
  if (totals.self_use_cost !== null) cost.note = w("totals.cost-note", { cost: money(totals.self_use_cost, currency) });
  return [
    { name: w("totals.saved"), value: money(totals.saved, currency, true), note: w("totals.saved-note"), colour: "saved" },
    cost,
    { name: w("totals.pv"), value: energy(totals.pv_wh), colour: "pv" },
    { name: w("totals.load"), value: energy(totals.load_wh), colour: "house" },
    { name: w("totals.import"), value: energy(totals.import_wh), colour: "import" },
    { name: w("totals.export"), value: energy(totals.export_wh), colour: "export" },
    { name: w("totals.charge"), value: energy(totals.charge_wh), colour: "battery" },
    { name: w("totals.discharge"), value: energy(totals.discharge_wh), colour: "battery" },
    { name: w("totals.self-sufficiency"), value: percent(totals.self_sufficiency_pct), note: w("totals.self-sufficiency-note") },
    { name: w("totals.self-consumption"), value: percent(totals.self_consumption_pct), note: w("totals.self-consumption-note") },
  ];
}
