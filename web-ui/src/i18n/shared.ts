/** The shared words, bound to the page's language: `t("nav.now")`. */
import { en } from "./en";
import { words } from "./index";
import { pl } from "./pl";

export const t = words<keyof typeof en>(en, pl);

const isShared = (key: string): key is keyof typeof en => key in en;

/** Return the shared word `group.name`, or `name` itself where there is none: programs may name what we do not know. */
export function named(group: string, name: string): string {
  const key = `${group}.${name}`;
  return isShared(key) ? t(key) : name.replaceAll("_", " ");
}
