/** The page in the address's hash (`#/plan?day=2026-11-23`), so that no server route is needed under any sub-path. */
import { computed, signal } from "@preact/signals";

export const PAGES = ["now", "plan", "history", "savings", "system"] as const;
export type PageName = (typeof PAGES)[number];

const hash = signal(window.location.hash);
window.addEventListener("hashchange", () => {
  hash.value = window.location.hash;
});

const parts = computed(() => hash.value.replace(/^#\/?/, "").split("?", 2));

export const page = computed<PageName>(() => PAGES.find((name) => name === parts.value[0]) ?? "now");

/** Whether the address names a page that there is not. */
export const isLost = computed(() => parts.value[0] !== "" && parts.value[0] !== undefined && !PAGES.some((name) => name === parts.value[0]));

/** What follows the page's name, for the page itself. */
export const query = computed(() => new URLSearchParams(parts.value[1] ?? ""));

/** Write the page's own part of the address without a new entry in the browser's history. */
export function keepQuery(values: Record<string, string | null>): void {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null);
  const text = new URLSearchParams(given).toString();
  const to = `#/${page.value}${text === "" ? "" : `?${text}`}`;
  window.history.replaceState(null, "", to);
  hash.value = to;
}
