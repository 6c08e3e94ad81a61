/** Says, above the plan, what goes before it at the moment. */
import { Icon } from "../../components/icon";
import { moment } from "../../format";
import { forceOf, type Force } from "../../state/force";
import { live } from "../../state/live";
import { w } from "./words";

export function forceWords(force: Force): string {
  const when = moment(force.order?.until);
  return w(`force.${force.kind}`, { when });
}

export function ForceLine() {
  const state = live.value;
  const force = state === null ? null : forceOf(state);
  if (force === null) return null;
  const isGrave = force.kind === "stop" || force.kind === "safety";
  return (
    <p class={`notice ${isGrave ? "warning" : "info"}`} role="status" data-testid="plan-force">
      <Icon name={isGrave ? "warning" : "info"} size={20} />
      <span>{forceWords(force)}</span>
    </p>
  );
}
