/** How much room there is: a phone has its navigation at the bottom. The style sheet uses the same width. */
import { signal } from "@preact/signals";

const narrow = window.matchMedia("(max-width: 52rem)");
export const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", (event) => {
  isNarrow.value = event.matches;
});

const tight = window.matchMedia("(max-width: 52rem), (max-height: 52rem)");
/** Whether there is so little room, in width or height, that what can wait is folded. */
export const isTight = signal(tight.matches);
tight.addEventListener("change", (event) => {
  isTight.value = event.matches;
});

const still = window.matchMedia("(prefers-reduced-motion: reduce)");
/** Whether the reader asked for no motion. */
export const isStill = signal(still.matches);
still.addEventListener("change", (event) => {
  isStill.value = event.matches;
});
