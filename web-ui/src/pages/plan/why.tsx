/** The numbers behind the present decision: what stored energy is worth, what else was possible, what it rests on. */
import { Card } from "../../components/card";
import type { PlanColumns, PlanView, Reasoning } from "../../api/types";
import { NONE, ago, clock, money, moment, percent, price } from "../../format";
import { t } from "../../i18n/shared";
import { w } from "./words";

const INPUTS = ["soc", "prices", "load_forecast", "pv_forecast"] as const;
const SOURCES = [
  "inverter",
  "market",
  "own_history",
  "assumed",
  "recent_days",
  "clear_sky_and_recent_days",
  "open_meteo",
  "forecast_solar",
  "file",
] as const;

export function Why({ plan, slots, reasoning }: { plan: PlanView; slots: PlanColumns; reasoning: Reasoning }) {
  const { currency } = plan;
  const { use, alternative } = reasoning;
  const rows: [string, string, string?][] = [
    [w("why.worth"), price(reasoning.stored_value_per_kwh, currency)],
    [
      w("why.charge"),
      price(reasoning.charge_below_per_kwh, currency),
      w("why.now.buy", { price: price(slots.import_per_kwh[0], currency) }),
    ],
    [
      w("why.sell"),
      price(reasoning.sell_above_per_kwh, currency),
      w("why.now.sell", { price: price(slots.export_per_kwh[0], currency) }),
    ],
  ];
  if (use !== null) {
    const fields = { from: moment(use.start), to: clock(use.end), price: price(use.price_per_kwh, currency) };
    rows.push([w("why.use"), w(use.is_sold ? "why.use.sold" : "why.use.house", fields)]);
  }
  if (alternative !== null)
    rows.push([`${w("why.next")}: ${t(`mode.${alternative.mode}`)}`, dearer(alternative.costs_more, currency)]);
  if (alternative?.mode !== "self_use" && slots.mode[0] !== "self_use")
    rows.push([w("why.self-use"), dearer(reasoning.self_use_costs_more, currency)]);
  rows.push([w("why.agreement"), percent(reasoning.agreement * 100)]);
  if (plan.gap !== null) rows.push([w("why.gap"), plan.gap < 0.01 ? w("why.gap.none", { money: money(0.01, currency) }) : w("why.gap.some", { money: money(plan.gap, currency) })]);
  return (
    <Card title={w("why")} class="why">
      <dl class="rows wide">
        {rows.map(([name, value, note]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {value}
              {note !== undefined && <span class="quiet"> {note}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function dearer(costs_more: number | null, currency: string): string {
  if (costs_more === null) return w("why.limit");
  return Number(costs_more.toFixed(2)) === 0 ? w("why.same") : w("why.more", { money: money(costs_more, currency) });
}

/** `isEstimated`: the price of the present quarter is not a published one. */
export function Inputs({ reasoning, isEstimated }: { reasoning: Reasoning; isEstimated: boolean }) {
  return (
    <Card title={w("inputs")} class="inputs">
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">{w("inputs.name")}</th>
              <th scope="col">{w("inputs.source")}</th>
              <th scope="col">{w("inputs.age")}</th>
            </tr>
          </thead>
          <tbody>
            {reasoning.inputs.map((input) => (
              <tr key={input.name}>
                <th scope="row">{inputName(input.name)}</th>
                <td>{input.name === "prices" && isEstimated ? w("source.estimated") : sourceName(input.source)}</td>
                <td>{input.known_at === null ? NONE : ago(input.known_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function inputName(name: string): string {
  const known = INPUTS.find((each) => each === name);
  return known === undefined ? name.replaceAll("_", " ") : w(`input.${known}`);
}

function sourceName(name: string): string {
  const known = SOURCES.find((each) => each === name);
  return known === undefined ? name.replaceAll("_", " ") : w(`source.${known}`);
}
