/** The plan as a table, for whoever cannot see the chart or wants the numbers. Made only when it is opened. */
import { useState } from "preact/hooks";
import type { PlanColumns, PlanView } from "../../api/types";
import { number, percent, power, symbol } from "../../format";
import { t } from "../../i18n/shared";
import { live } from "../../state/live";
import { slotTime } from "./tip";
import { told } from "../../sentences";
import { w } from "./words";

export function PlanTable({ plan, slots }: { plan: PlanView; slots: PlanColumns }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="card plan-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary data-testid="plan-table">{w("table")}</summary>
      {isOpen && <Rows plan={plan} slots={slots} />}
    </details>
  );
}

function Rows({ plan, slots }: { plan: PlanView; slots: PlanColumns }) {
  const unit = `${symbol(plan.currency)}/kWh`;
  const heads = [`${w("tip.buy")}, ${unit}`, `${w("tip.sell")}, ${unit}`, t("soc"), w("tip.pv"), w("tip.load"), w("tip.battery"), w("tip.grid"), w("tip.cost")];
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={w("table")}>
      <table>
        <thead>
          <tr>
            <th scope="col">{w("table.time")}</th>
            <th scope="col">{w("table.mode")}</th>
            {heads.map((head) => (
              <th key={head} scope="col" class="num">
                {head}
              </th>
            ))}
            <th scope="col">{w("table.why")}</th>
          </tr>
        </thead>
        <tbody>
          {slots.start.map((start, i) => (
            <tr key={start}>
              <th scope="row">{slotTime(slots, i)}</th>
              <td>{t(`mode.${slots.mode[i] ?? "self_use"}`)}</td>
              <td class="num">
                {number(slots.import_per_kwh[i], 2)}
                {slots.price_estimated[i] && <span title={t("estimated")}> ~</span>}
              </td>
              <td class="num">{number(slots.export_per_kwh[i], 2)}</td>
              <td class="num">{percent(slots.soc_pct[i])}</td>
              <td class="num">{power(slots.pv_w[i])}</td>
              <td class="num">{power(slots.load_w[i])}</td>
              <td class="num">{power(slots.battery_w[i])}</td>
              <td class="num">{power(slots.grid_w[i])}</td>
              <td class="num">{number(slots.cost[i], 2)}</td>
              <td lang={live.value?.language}>{told(slots.reason[i] ?? "", live.value?.language)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
