/** Sends orders, one at a time, and keeps what was answered. */
import { signal } from "@preact/signals";
import { ApiError, send } from "../api/client";
import type { OrderAnswer, OrderRequest } from "../api/types";
import { t } from "../i18n/shared";
import { live } from "./live";
import { sessionEnded } from "./session";

export interface Answer {
  /** Which order it answers, as its button is named. */
  to: OrderRequest["order"];
  ok: boolean;
  /** False: it was taken, but does not lead to what was asked. */
  followed: boolean;
  text: string;
  /** What safety or the inverter added. */
  details: string[];
}

export const pending = signal<OrderRequest["order"] | null>(null);
export const answer = signal<Answer | null>(null);

const WISHES: readonly OrderRequest["order"][] = ["pause", "hold", "self_use", "fast_charge"];

/** Whether what was asked is refused at the moment, told by the decision where the answer itself does not say. */
const isRefused = (request: OrderRequest, said: OrderAnswer) => WISHES.includes(request.order) && said.decision?.verdict === "refused";

/** Send an order; returns whether it was taken. What was answered is in `answer`. */
export async function order(request: OrderRequest): Promise<boolean> {
  if (pending.value !== null) return false;
  pending.value = request.order;
  answer.value = null;
  try {
    const said = await send<OrderAnswer>("POST", "orders", request);
    if (live.value !== null) live.value = { ...live.value, orders: said.orders };
    const refused = said.decision !== null && said.decision.verdict !== "allowed" ? said.decision.causes : [];
    const details = [...refused, said.action?.detail ?? ""];
    const unsaid = details.filter((text) => text !== "" && !said.message.includes(text));
    answer.value = { to: request.order, ok: true, followed: said.followed ?? !isRefused(request, said), text: said.message, details: unsaid };
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    answer.value = { to: request.order, ok: false, followed: false, text: error.message || t("app.no-answer"), details: [] };
    if (error.status === 401) await sessionEnded();
    return false;
  } finally {
    pending.value = null;
  }
}
