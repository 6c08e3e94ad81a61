/** The orders that stand, each with a way to withdraw it. */
import { Icon, type IconName } from "../../components/icon";
import type { LiveState, StandingKind, StandingOrder } from "../../api/types";
import { ago, moment, percent } from "../../format";
import { named, t } from "../../i18n/shared";
import { told as sentenceOf } from "../../sentences";
import { line } from "../../state/live";
import { order, pending } from "../../state/orders";
import { mayControl } from "../../state/session";
import { w } from "./words";

const ICONS: Record<StandingKind, IconName> = {
  pause: "pause",
  hold: "hold",
  self_use: "self_use",
  fast_charge: "bolt",
  strategy: "strategy",
};

export function Standing({ state }: { state: LiveState }) {
  const { standing } = state.orders;
  return (
    <div data-testid="standing-orders">
      <h3>{w("standing.title")}</h3>
      {standing.length === 0 ? (
        <p class="quiet">{state.orders.emergency_stop ? t("stop.text") : w("standing.none")}</p>
      ) : (
        <ul class="standing">
          {standing.map((one) => (
            <li key={one.kind} data-testid={`standing-${one.kind}`}>
              <Icon name={ICONS[one.kind]} size={22} />
              <div>
                <strong>{told(one, state)}</strong>
                {one.asked_at !== null && <span class="quiet">{asked(one, one.asked_at)}</span>}
                {one.problem !== null && (
                  <span class="doubt">
                    <Icon name="warning" size={18} />
                    <span>
                      {w("standing.problem")} <span lang={state.language}>{sentenceOf(one.problem, state.language)}</span>
                    </span>
                  </span>
                )}
              </div>
              {mayControl.value && (
                <button
                  type="button"
                  class="button small"
                  disabled={pending.value !== null || line.value === "lost"}
                  title={line.value === "lost" ? t("lost.orders") : undefined}
                  data-testid={`withdraw-${one.kind}`}
                  onClick={() => void order({ order: "withdraw", what: one.kind })}
                >
                  {w("withdraw")}
                  <span class="unseen">: {w(one.kind)}</span>
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function asked(one: StandingOrder, at: string): string {
  if (one.by === null) return w("standing.asked", { ago: ago(at) });
  return w("standing.by", { who: named("asker", one.by), ago: ago(at) });
}

function told(one: StandingOrder, state: LiveState): string {
  return w(`standing.${one.kind}`, {
    when: moment(one.until),
    soc: percent(one.target_soc_pct),
    name: named("strategy", state.orders.strategy),
  });
}
