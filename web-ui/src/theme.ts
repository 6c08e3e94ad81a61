/** Light, dark, or as the device is. */
import { computed, effect, signal } from "@preact/signals";
import { readSetting, writeSetting } from "./state/settings";

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

const system = window.matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", (event) => {
  systemIsDark.value = event.matches;
});

const stored = THEMES.find((name) => name === readSetting("theme"));
export const theme = signal<Theme>(stored ?? "auto");

/** Whether the page is dark now; charts are drawn anew when it changes. */
export const isDark = computed(() => (theme.value === "auto" ? systemIsDark.value : theme.value === "dark"));

export function chooseTheme(to: Theme): void {
  theme.value = to;
  writeSetting("theme", to);
}

effect(() => {
  document.documentElement.dataset["theme"] = isDark.value ? "dark" : "light";
});

/** Return a colour of the style sheet (`"pv"` is `--pv`) as it is in the present theme. */
export function colour(name: string): string {
  void isDark.value; // so that whatever draws with it is drawn anew
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
