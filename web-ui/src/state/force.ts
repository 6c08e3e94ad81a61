/** What goes before the strategy at the moment: a stop, safety, or an order that is being followed. */
import type { LiveState, StandingOrder } from "../api/types";

export type Force = { kind: "stop" | "safety"; order: null } | { kind: "pause" | "hold" | "self_use" | "fast_charge"; order: StandingOrder };

const isTimed = (one: StandingOrder) => one.kind === "pause" || one.kind === "hold" || one.kind === "self_use";

/** Return what goes before the strategy; null where the strategy decides. */
export function forceOf(state: LiveState): Force | null {
  const { orders, decision, mode } = state;
  if (orders.emergency_stop) return { kind: "stop", order: null };
  const source = decision?.source ?? mode.source;
  if (source === "safety" || decision?.verdict === "refused") return { kind: "safety", order: null };
  const order = orders.standing.find((one) => (source === "person" ? isTimed(one) : source === "fast_charge" && one.kind === source));
  return order === undefined || order.kind === "strategy" ? null : { kind: order.kind, order };
}
