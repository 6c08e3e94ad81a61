/** The five pages: in the bar at the top, or at the bottom of a phone's screen. One of the two is shown at a time. */
import { t } from "../i18n/shared";
import { PAGES, isLost, page } from "../router";
import { isNarrow } from "../state/screen";
import { Icon } from "./icon";

export function Navigation({ place }: { place: "top" | "bottom" }) {
  if (isNarrow.value !== (place === "bottom")) return null;
  return (
    <nav class={`nav ${place}`} aria-label={t("nav.label")}>
      {PAGES.map((name) => (
        <a
          key={name}
          href={`#/${name}`}
          data-testid={`nav-${name}`}
          aria-current={page.value === name && !isLost.value ? "page" : undefined}
        >
          <Icon name={name} size={22} />
          <span>{t(`nav.${name}`)}</span>
        </a>
      ))}
    </nav>
  );
}
