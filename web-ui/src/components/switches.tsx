/** Language and appearance: each press goes to the next. */
import { chooseLanguage, language } from "../i18n";
import { t } from "../i18n/shared";
import { THEMES, chooseTheme, theme } from "../theme";
import { Icon } from "./icon";

export function Switches() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "auto";
  const other = language.value === "pl" ? "en" : "pl";
  return (
    <>
      <button
        type="button"
        class="icon-button text"
        lang={other}
        title={other === "pl" ? "Po polsku" : "In English"}
        data-testid="language"
        onClick={() => chooseLanguage(other)}
      >
        <span aria-hidden="true">{other.toUpperCase()}</span>
        <span class="unseen">{other === "pl" ? "Po polsku" : "In English"}</span>
      </button>
      <button
        type="button"
        class="icon-button"
        title={`${t("theme.label")}: ${t(`theme.${theme.value}`)}`}
        data-testid="theme"
        data-theme={theme.value}
        onClick={() => chooseTheme(next)}
      >
        <Icon name={theme.value} size={20} />
        <span class="unseen">{`${t("theme.label")}: ${t(`theme.${theme.value}`)}`}</span>
      </button>
    </>
  );
}
