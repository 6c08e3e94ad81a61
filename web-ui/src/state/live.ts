/** The live state and the line it comes on: the newest values stay when the line is lost, and are known to be old. */
import { computed, signal } from "@preact/signals";
import { address, get } from "../api/client";
import { openStream } from "../api/stream";
import type { DecisionSummary, EventView, LiveState } from "../api/types";
import { serveLanguage } from "../i18n";
import { heardTime, serverNow } from "./clock";

export type Line = "connecting" | "live" | "lost";

export const live = signal<LiveState | null>(null);
export const line = signal<Line>("connecting");
/** Since when the line is lost, by this device's clock [ms]. */
export const lostAt = signal<number | null>(null);

/** Counts the plans; what shows a plan loads it anew when this changes. */
export const planNumber = signal(0);
/** Counts the resets and the lines opened; whatever is shown may have missed something. */
export const loadNumber = signal(0);
export const lastDecision = signal<DecisionSummary | null>(null);
export const lastEvent = signal<EventView | null>(null);

/** The house's time zone; until it is known, the device's. */
export const zone = computed(() => live.value?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);

/** How old the readings are [ms]; null where there are none. */
export const readingsAge = computed(() => {
  const at = live.value?.readings?.at;
  return at === undefined ? null : Math.max(0, serverNow.value - Date.parse(at));
});

/** Whether what is shown is not of now: the line is lost, the inverter silent, or the service stands still. */
export const isStale = computed(() => {
  const state = live.value;
  const age = readingsAge.value;
  if (state === null || age === null) return false;
  return line.value === "lost" || !state.connection.connected || age > Math.max(20_000, 3500 * state.poll_interval_s);
});

function take(state: LiveState): void {
  heardTime(state.at);
  serveLanguage(state.language);
  if (live.value === null || Date.parse(state.at) >= Date.parse(live.value.at)) live.value = state;
}

/** Ask for the state once. Throws ApiError. */
export async function loadState(): Promise<void> {
  const state = await get<LiveState>("state");
  live.value = null; // a service whose clock was set back is right all the same
  take(state);
}

function onEvent(name: string, data: unknown): void {
  if (name === "state") take(data as LiveState);
  else if (name === "decision") lastDecision.value = data as DecisionSummary;
  else if (name === "alert") lastEvent.value = data as EventView;
  else if (name === "plan") planNumber.value += 1;
  else if (name === "reset") loadNumber.value += 1;
}

/** Follow the stream; `mayFollow` says, when it was refused, whether to go on trying. Returns what ends it. */
export function follow(mayFollow: () => Promise<boolean>): () => void {
  const lost = () => {
    if (line.value === "lost") return;
    line.value = "lost";
    lostAt.value = Date.now();
  };
  const stopStream = openStream(address("stream"), {
    opened() {
      if (line.value === "lost") loadNumber.value += 1;
      line.value = "live";
      lostAt.value = null;
    },
    lost,
    refused: mayFollow,
    event: onEvent,
    silenceMs: () => Math.max(45_000, 3500 * (live.value?.poll_interval_s ?? 0)),
  });
  return () => {
    stopStream();
    line.value = "connecting";
  };
}
