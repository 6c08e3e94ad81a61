/** The period at a glance: what was saved, beside what the score would have saved and what was possible. */
import type { SavingsView } from "../../api/past";
import { Card } from "../../components/card";
import { money, number, percent, symbol } from "../../format";
import type { Period } from "./period";
import { periodName } from "./told";
import { t } from "../../i18n/shared";
import { restsOnEstimates } from "../../sentences";
import { w } from "./words";

const CENT = 0.01;

export function Glance({ view, period }: { view: SavingsView; period: Period }) {
  const { total, currency } = view;
  const { saved } = total;
  const isLoss = saved !== null && saved < -0.005;
  const days = view.days.filter((day) => day.saved !== null);
  const bars = [
    { key: "real", value: saved, name: w("compare.real"), known: days.length },
    { key: "score", value: total.score_saved, name: w("compare.score"), known: days.filter((day) => day.score_saved !== null).length },
    {
      key: "hindsight",
      value: total.hindsight_saved,
      name: w("compare.hindsight"),
      known: days.filter((day) => day.hindsight_saved !== null).length,
      pending: total.hindsight_pending,
    },
  ];
  const most = Math.max(0.01, ...bars.map((bar) => Math.abs(bar.value ?? 0)));
  return (
    <Card title={periodName(period)} class="glance" testid="savings-month">
      <div class="glance-main">
        <p class="glance-word">{w(saved === null ? "glance.none" : isLoss ? "glance.lost" : "glance.saved")}</p>
        {saved !== null && (
          <p class={`glance-number ${isLoss ? "loss" : ""}`}>
            {number(Math.abs(saved), 2)} <span class="glance-unit">{symbol(currency)}</span>{" "}
            {restsOnEstimates(view.figures.savings.basis) && <span class="tag">{t("estimated.partly")}</span>}
          </p>
        )}
        <p>{w(saved === null ? "glance.none-why" : "glance.against")}</p>
        {total.cost !== null && total.self_use_cost !== null && (
          <p class="quiet">
            {w("glance.bill", { cost: money(total.cost, currency), selfUse: money(total.self_use_cost, currency) })}{" "}
            {saved !== null && Math.abs(total.self_use_cost - total.cost - saved) >= CENT && w("glance.stored")}
          </p>
        )}
      </div>
      <div class="glance-side">
        <h3>{w("compare.label")}</h3>
        <dl class="compare">
          {bars.map(({ key, name, value, known, pending }) => (
            <div key={key} class={`compare-row compare-${key}`}>
              <dt>
                {name}
                {value !== null && known < days.length && (
                  <span class="fact-note">{w("compare.days", { n: known, of: days.length })}</span>
                )}
              </dt>
              <dd>{pending && value === null ? w("pending") : money(value, currency, true)}</dd>
              <span class="compare-bar" aria-hidden="true">
                {value !== null && <span class={value < 0 ? "loss" : ""} style={{ width: `${(100 * Math.abs(value)) / most}%` }} />}
              </span>
            </div>
          ))}
          <div class="compare-row compare-captured">
            <dt>{w("compare.captured")}</dt>
            <dd>{total.captured_pct === null && total.hindsight_pending ? w("pending") : percent(total.captured_pct)}</dd>
          </div>
        </dl>
        <p class="quiet">{w("compare.note")}</p>
      </div>
    </Card>
  );
}
