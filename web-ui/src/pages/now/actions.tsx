/** What a person may order, what was answered, and what stands. */
import { useState } from "preact/hooks";
import { Card } from "../../components/card";
import { Icon, type IconName } from "../../components/icon";
import { Notice } from "../../components/notice";
import { OrderAnswerLine } from "../../components/order-answer";
import type { LiveState } from "../../api/types";
import { order, pending } from "../../state/orders";
import { line } from "../../state/live";
import { mayControl } from "../../state/session";
import { t } from "../../i18n/shared";
import { OrderForm, type FormName } from "./order-forms";
import { Standing } from "./standing";
import { Stop } from "./stop";
import { w } from "./words";

const FORMS: readonly (readonly [FormName, IconName])[] = [
  ["fast_charge", "bolt"],
  ["hold", "hold"],
  ["self_use", "self_use"],
  ["pause", "pause"],
  ["strategy", "strategy"],
];

export function Actions({ state }: { state: LiveState }) {
  const [open, setOpen] = useState<FormName | null>(null);
  const { emergency_stop } = state.orders;
  const isLost = line.value === "lost";
  return (
    <Card title={w("actions.title")} class="actions">
      {mayControl.value ? (
        <div class="action-row">
          {FORMS.map(([name, icon]) => (
            <button
              key={name}
              type="button"
              class="button action"
              aria-expanded={open === name}
              disabled={isLost}
              data-testid={`order-${name.replace("_", "-")}`}
              onClick={() => setOpen(open === name ? null : name)}
            >
              <Icon name={icon} size={22} />
              {w(name)}
            </button>
          ))}
          {!emergency_stop && <Stop />}
          {!emergency_stop && state.safety_clear === false && <Release />}
        </div>
      ) : (
        <p class="quiet">{w("actions.read-only")}</p>
      )}
      {isLost && mayControl.value && <Notice severity="warning">{t("lost.orders")}</Notice>}
      {open !== null && mayControl.value && <OrderForm key={open} name={open} done={() => setOpen(null)} />}
      <OrderAnswerLine />
      <Standing state={state} />
    </Card>
  );
}

function Release() {
  return (
    <button
      type="button"
      class="button"
      data-testid="order-release"
      disabled={pending.value !== null || line.value === "lost"}
      onClick={() => void order({ order: "release" })}
    >
      <Icon name="release" size={22} />
      {w("release")}
    </button>
  );
}
