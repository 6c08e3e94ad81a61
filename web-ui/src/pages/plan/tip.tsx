/** What one quarter of the plan holds, and why. */
import { Card } from "../../components/card";
import { ModeMark } from "../../components/mode";
import type { LiveState, PlanColumns, PlanView } from "../../api/types";
import { clock, moment, money, percent, power, price } from "../../format";
import { t } from "../../i18n/shared";
import { live } from "../../state/live";
import { told } from "../../sentences";
import { forceOf } from "../../state/force";
import { Icon } from "../../components/icon";
import { w } from "./words";

/** Less than this is no power [W]. */
const REST_W = 5;

export function slotTime(slots: PlanColumns, i: number): string {
  const start = (slots.start[i] ?? 0) * 1000;
  return `${moment(start)}–${clock(start + (slots.duration_s[i] ?? 0) * 1000)}`;
}

/** Return a slot in one sentence, for a screen reader. */
export function slotTold(plan: PlanView, slots: PlanColumns, i: number): string {
  const mode = slots.mode[i] ?? "self_use";
  const parts = [
    slotTime(slots, i),
    t(`mode.${mode}`),
    `${w("tip.buy")} ${price(slots.import_per_kwh[i], plan.currency)}`,
    `${t("soc")} ${percent(slots.soc_pct[i])}`,
    slots.reason[i] ?? "",
  ];
  return parts.join(", ");
}

/** Return a flow as a magnitude and a word for its direction, or rest. */
export function flowTold(value_w: number | undefined, words: { plus: string; minus: string }): string {
  if (value_w === undefined) return power(null);
  if (Math.abs(value_w) < REST_W) return power(0);
  return `${value_w > 0 ? words.plus : words.minus} ${power(Math.abs(value_w))}`;
}

interface TipProps {
  plan: PlanView;
  slots: PlanColumns;
  slot: number | null;
  /** Floating over the page, for a phone: told in fewer rows. */
  floats?: boolean;
  close?: () => void;
}

/** The first quarter is now: there it is told what is really in force, which an order may have made another than planned. */
function inForce(i: number): LiveState | null {
  const state = live.value;
  return i === 0 && state !== null && forceOf(state) !== null ? state : null;
}

export function Tip({ plan, slots, slot, floats = false, close }: TipProps) {
  const i = slot ?? 0;
  const forced = inForce(i);
  if (forced !== null && !floats) return <Forced state={forced} />;
  const mode = slots.mode[i] ?? "self_use";
  const cost = slots.cost[i] ?? 0;
  const rows: [string, string, string?][] = [
    [w("tip.buy"), price(slots.import_per_kwh[i], plan.currency), "import"],
    [w("tip.sell"), price(slots.export_per_kwh[i], plan.currency), "export"],
  ];
  if (!floats) rows.push([w("tip.value"), price(slots.stored_value_per_kwh[i], plan.currency)]);
  rows.push(
    [w(floats ? "soc" : "tip.soc"), percent(slots.soc_pct[i])],
    [w("tip.pv"), power(slots.pv_w[i])],
    [w("tip.load"), power(slots.load_w[i])],
  );
  if (!floats) {
    rows.push(
      [w("tip.battery"), flowTold(slots.battery_w[i], { plus: w("tip.battery.out"), minus: w("tip.battery.in") })],
      [w("tip.grid"), flowTold(slots.grid_w[i], { plus: w("tip.grid.in"), minus: w("tip.grid.out") })],
    );
  }
  rows.push([cost < 0 ? w("tip.income") : w("tip.cost"), money(Math.abs(cost), plan.currency)]);
  if ((slots.curtailed_w[i] ?? 0) >= REST_W) rows.push([w("tip.curtailed"), power(slots.curtailed_w[i])]);
  const limit = slots.export_limit_w[i] ?? null;
  if (limit !== null) rows.push([w("tip.export"), power(limit)]);
  return (
    <Card
      title={i === 0 ? w("tip.now") : slotTime(slots, i)}
      class={floats ? "tip-float" : "tip"}
      testid={floats ? "plan-tip-float" : "plan-tip"}
      aside={close !== undefined ? <Close close={close} /> : slots.price_estimated[i] ? <span class="tag">{t("estimated")}</span> : i === 0 ? slotTime(slots, 0) : undefined}
    >
      <p class="tip-mode">
        <ModeMark mode={mode} size={22} />
        <span>
          {t(`mode.${mode}`)}
          {slots.power_w[i] != null && <span class="quiet"> {w("tip.power", { power: power(slots.power_w[i]) })}</span>}
        </span>
      </p>
      <p class="tip-reason" lang={live.value?.language}>
        {told(slots.reason[i] ?? "", live.value?.language)}
      </p>
      <dl class="rows">
        {rows.map(([name, value, tone]) => (
          <div key={name} class={tone}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function Close({ close }: { close: () => void }) {
  return (
    <button type="button" class="icon-button tip-close" aria-label={w("tip.close")} title={w("tip.close")} data-testid="plan-tip-close" onClick={close}>
      <Icon name="cross" size={20} />
    </button>
  );
}

/** What is in force in place of the plan. */
function Forced({ state }: { state: LiveState }) {
  const { mode, decision, orders } = state;
  const force = forceOf(state);
  if (force === null) return null;
  const reason = force.kind === "stop" ? orders.emergency_stop_reason : (decision?.reason ?? null);
  return (
    <Card title={w("tip.now")} class="tip" testid="plan-tip">
      <p class="tip-mode">
        <ModeMark mode={mode.mode} size={22} />
        <span>
          {force.kind === "stop" ? t("stop.title") : t(`mode.${mode.mode}`)}
          {mode.power_w !== null && <span class="quiet"> {w("tip.power", { power: power(mode.power_w) })}</span>}
        </span>
      </p>
      {reason !== null && reason !== "" && (
        <p class="tip-reason" lang={state.language}>
          {told(reason, state.language)}
        </p>
      )}
      <p class="quiet">{w("tip.forced")}</p>
    </Card>
  );
}
