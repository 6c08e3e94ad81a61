/**
 * The service's time: ages are told by it, since a tablet's own clock may be wrong.
 *
 * What was sent last arrives within milliseconds, so the newest of the moments heard of is the best guess.
 */
import { computed, signal } from "@preact/signals";

const TRUST_MS = 60_000;
const ahead = signal(0);
const tick = signal(Date.now());
let setAt = Number.NEGATIVE_INFINITY;

/** The time now, in epoch milliseconds, anew each second. */
export const serverNow = computed(() => tick.value + ahead.value);

/** Learn that it is now at least `at` where the service lives. */
export function heardTime(at: string): void {
  const now = Date.now();
  const offset = Date.parse(at) - now;
  if (!Number.isFinite(offset)) return;
  if (offset > ahead.value || now - setAt > TRUST_MS || setAt === Number.NEGATIVE_INFINITY) {
    ahead.value = offset;
    setAt = now;
  }
}

window.setInterval(() => {
  tick.value = Date.now();
}, 1000);
