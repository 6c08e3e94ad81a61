/** A mode as people see it: its icon in its colour, and its name. */
import type { Mode } from "../api/types";
import { t } from "../i18n/shared";
import { Icon } from "./icon";

export const MODES: readonly Mode[] = ["self_use", "charge", "discharge", "hold", "no_charge", "standby"];

export function ModeMark({ mode, size = 20 }: { mode: Mode; size?: number }) {
  return (
    <span class={`mode-mark tone-${mode}`}>
      <Icon name={mode} size={size} />
    </span>
  );
}

export function ModeName({ mode }: { mode: Mode }) {
  return (
    <span class="mode-name">
      <ModeMark mode={mode} />
      {t(`mode.${mode}`)}
    </span>
  );
}
