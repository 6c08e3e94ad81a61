/** Until when, or by when: some hours from now, a time of day, or an own time; in the house's local time. */
import { useState } from "preact/hooks";
import { Choice } from "../../components/choice";
import { moment } from "../../format";
import { serverNow } from "../../state/clock";
import { zone } from "../../state/live";
import { nextLocal } from "../../time";
import { w } from "./words";

/** "07:00", or a number of hours from now. */
export type When = string;

/** Return the moment that is meant [ms], or null where it is none. */
export function momentMeant(when: When, now: number): number | null {
  const clockTime = /^(\d{1,2}):(\d{2})$/.exec(when);
  if (clockTime !== null) return nextLocal(Number(clockTime[1]), Number(clockTime[2]), now, zone.value);
  const hours = Number(when);
  return when !== "" && Number.isFinite(hours) && hours > 0 ? now + hours * 3_600_000 : null;
}

interface WhenFieldProps {
  label: string;
  presets: readonly When[];
  value: When;
  onChange: (when: When) => void;
  /** Whether it is a deadline rather than an end. */
  isDeadline: boolean;
}

export function WhenField({ label, presets, value, onChange, isDeadline }: WhenFieldProps) {
  const [isOwn, setOwn] = useState(false);
  const text = (preset: When) => {
    if (preset.includes(":")) return w(isDeadline ? "time.by" : "time.until", { time: preset });
    return w(isDeadline ? "time.in" : "time.for", { h: preset });
  };
  const options = [...presets.map((preset) => ({ value: preset, text: text(preset) })), { value: "own", text: w("time.own") }];
  const choose = (chosen: string) => {
    setOwn(chosen === "own");
    onChange(chosen === "own" ? "" : chosen);
  };
  const at = momentMeant(value, serverNow.value);
  return (
    <div class="when">
      <Choice label={label} shown options={options} value={isOwn ? "own" : value} onChoose={choose} testid="order-when" />
      {isOwn && (
        <label class="own">
          {w("time.own")}
          <input type="time" required value={value} data-testid="order-own-time" onInput={(event) => onChange(event.currentTarget.value)} />
        </label>
      )}
      <p class="quiet">{at === null ? "\u00a0" : w(isDeadline ? "time.ready" : "time.next", { when: moment(at) })}</p>
    </div>
  );
}
