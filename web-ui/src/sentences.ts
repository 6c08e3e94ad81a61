/** Sentences of the service as people read them: each begins with a capital, and no program's name stands among the words. */
import type { Language } from "./api/types";

/** After these a full stop ends no sentence. */
const SHORT = /(?:^|[\s(])(?:godz|min|ok|np|tj|nr|zob|wg|tzw|ul|e\.g|i\.e|approx|no)\.$/iu;

const NAMES: Record<Language, readonly (readonly [RegExp, string])[]> = {
  en: [
    [/(?<!\()\b(?:the )?(?:strategy )?multi_factor\b/gi, "the multi-factor score"],
    [/\bthe strategy optimal\b/gi, "the optimal plan"],
    [/\b(from|of|by) optimal\b/gi, "$1 the optimal plan"],
    [/\bthe strategy self_use\b/gi, "plain self-use"],
    [/\bself_use\b/g, "self-use"],
    [/\bfrom fast_charge\b/g, "from the fast charge"],
    [/\bfast_charge\b/g, "fast charge"],
    [/\bno_charge\b/g, "no charging"],
    [/\bfrom person\b/g, "from an order"],
    [/^optimal$/g, "the optimal plan"],
  ],
  pl: [
    [/\b(strategi\p{L}+) multi_factor\b/giu, "$1 „ocena wieloczynnikowa”"],
    [/\b(strategi\p{L}+) optimal\b/giu, "$1 „plan optymalny”"],
    [/\b(strategi\p{L}+) self_use\b/giu, "$1 „zwykła autokonsumpcja”"],
    [/(?<!\()\bmulti_factor\b/g, "ocena wieloczynnikowa"],
    [/(?<!\()\boptimal\b/g, "plan optymalny"],
    [/\bself_use\b/g, "autokonsumpcja"],
    [/\bfast_charge\b/g, "szybkie ładowanie"],
    [/\bno_charge\b/g, "bez ładowania"],
  ],
};

/** Return a text whose addresses are told by host and path: the rest is for programs. */
export function shortened(text: string): string {
  return text.replace(/\bhttps?:\/\/[^\s'"<>)]+/g, (address) => {
    const end = /[.,:;!?]+$/.exec(address)?.[0] ?? "";
    const [, host = "", path = ""] = /^https?:\/\/(?:[^/@]*@)?([^/?#]+)([^?#]*)/.exec(address.slice(0, address.length - end.length)) ?? [];
    return host + path.replace(/\/$/, "") + end;
  });
}

const begun = (text: string): string => text.charAt(0).toLocaleUpperCase() + text.slice(1);

/** Return a text's sentences, each with a capital first; a full stop inside a number or after a short form ends none. */
export function sentences(text: string, language: Language = "en"): string[] {
  const plain = NAMES[language].reduce((said, [name, word]) => said.replace(name, word), shortened(text));
  const found: string[] = [];
  for (const part of plain.split(/(?<=[.!?])\s+(?=\p{L})/u)) {
    const last = found[found.length - 1];
    if (last !== undefined && SHORT.test(last)) found[found.length - 1] = `${last} ${part}`;
    else found.push(part);
  }
  return found.filter((part) => part !== "").map(begun);
}

/** The same as one text. */
export const told = (text: string, language: Language = "en"): string => sentences(text, language).join(" ");

/** Whether what a figure rests on tells of quarters at estimated prices. */
export const restsOnEstimates = (basis: string): boolean => /\b[1-9]\d* (?:quarters? )?at estimated prices/.test(basis);
