/** Counters that make what is shown be loaded again: they stand still while nobody looks at the page. */
import { signal, type ReadonlySignal } from "@preact/signals";

const counters = new Map<number, ReadonlySignal<number>>();

/** Return what counts up every `seconds` while the page is on the screen; the same one for the same length. */
export function every(seconds: number): ReadonlySignal<number> {
  const known = counters.get(seconds);
  if (known !== undefined) return known;
  const counter = signal(0);
  let missed = false;
  window.setInterval(() => {
    if (document.hidden) missed = true;
    else counter.value += 1;
  }, seconds * 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !missed) return;
    missed = false;
    counter.value += 1;
  });
  counters.set(seconds, counter);
  return counter;
}
