/** Runs of modes in line with the tracks of a chart: colour, icon, and the name where there is room. */
import type { Mode } from "../api/types";
import { Icon } from "../components/icon";
import { t } from "../i18n/shared";
import { placeOf } from "./column";

export interface ModeRun {
  mode: Mode;
  /** Slots [from, to). */
  from: number;
  to: number;
}

export function ModeStrip({ x, runs }: { x: number[]; runs: readonly ModeRun[] }) {
  return (
    <div class="strip" aria-hidden="true">
      {runs.map((run) => (
        <div key={run.from} class={`strip-run tone-${run.mode}`} style={placeOf(x, run.from, run.to)} title={t(`mode.${run.mode}`)}>
          <Icon name={run.mode} size={18} />
          <span>{t(`mode.${run.mode}`)}</span>
        </div>
      ))}
    </div>
  );
}
