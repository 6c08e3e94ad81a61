/** Words in the reader's language. Each part of the page has a table for both; a missing word does not compile. */
import { computed, signal } from "@preact/signals";
import type { Language } from "../api/types";
import { readSetting, writeSetting } from "../state/settings";

export type { Language };

const isLanguage = (text: string | null): text is Language => text === "en" || text === "pl";

const chosen = signal<Language | null>(null);
const served = signal<Language | null>(null);
const stored = readSetting("language");
if (isLanguage(stored)) chosen.value = stored;

/** Return the first language of the browser that the page speaks; null where it speaks none of them. */
function ofBrowser(): Language | null {
  const wanted = navigator.languages.length > 0 ? navigator.languages : [navigator.language];
  return wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find(isLanguage) ?? null;
}

/** The language of the page: chosen here, else the browser's, else the house's. */
export const language = computed<Language>(() => chosen.value ?? ofBrowser() ?? served.value ?? "en");

/** The same for Intl. */
export const locale = computed(() => (language.value === "pl" ? "pl-PL" : "en-GB"));

export function chooseLanguage(to: Language): void {
  chosen.value = to;
  writeSetting("language", to);
}

/** Take what the house is configured to speak, for a browser that speaks none of the page's languages. */
export function serveLanguage(to: Language): void {
  served.value = to;
}

/** One text with its fields in braces, or its plural forms by the field `n`. */
export type Text = string | { one: string; few?: string; many?: string; other: string };
export type Fields = Record<string, string | number>;

/** Return the words of a part of the page: `const w = words({...}, {...}); w("title")`, `w("cells", { n: 3 })`. */
export function words<K extends string>(en: Record<K, Text>, pl: Record<K, Text>): (key: K, fields?: Fields) => string {
  return (key, fields = {}) => {
    const text = (language.value === "pl" ? pl : en)[key];
    const form = typeof text === "string" ? text : plural(text, Number(fields["n"]));
    return form.replace(/\{(\w+)\}/g, (_whole, name: string) => String(fields[name] ?? ""));
  };
}

function plural(text: Exclude<Text, string>, n: number): string {
  const rule = new Intl.PluralRules(locale.value).select(n);
  return (rule === "one" ? text.one : rule === "few" ? text.few : rule === "many" ? text.many : undefined) ?? text.other;
}
