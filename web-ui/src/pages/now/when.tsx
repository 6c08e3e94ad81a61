/** Until when, or by when: some hours from now, a time of day, or any time within a week; in the house's local time. */
import { useState } from "preact/hooks";
import { Choice } from "../../components/choice";
import { local, moment } from "../../format";
import { t } from "../../i18n/shared";
import { serverNow } from "../../state/clock";
import { zone } from "../../state/live";
import { CLOCK_PATTERN, localTime, midnight, momentOf, nextLocal } from "../../time";
import { w } from "./words";

/** "07:00", a number of hours from now, or a local "2026-11-25 07:00". */
export type When = string;

const HOUR_MS = 3_600_000;
/** How far ahead an order may lie, in local days. */
const DAYS = 7;

/** Return the moment that is meant [ms], or null where it is none, is over, or lies too far ahead. */
export function momentMeant(when: When, now: number): number | null {
  const parts = /^(?:(\d{4})-(\d{2})-(\d{2}) )?(\d{1,2}):(\d{2})$/.exec(when);
  if (parts !== null) {
    const [year, month, day, hour, minute] = parts.slice(1).map(Number) as [number, number, number, number, number];
    if (hour > 23 || minute > 59) return null;
    if (parts[1] === undefined) return nextLocal(hour, minute, now, zone.value);
    const at = momentOf({ year, month, day, hour, minute }, zone.value);
    return at > now && at <= now + DAYS * 24 * HOUR_MS ? at : null;
  }
  const hours = Number(when);
  return when !== "" && Number.isFinite(hours) && hours > 0 ? now + hours * HOUR_MS : null;
}

const two = (value: number) => String(value).padStart(2, "0");

/** Return a moment as an own time: its local day and its time of day. */
function ownOf(at: number): { day: string; clock: string } {
  const { year, month, day, hour, minute } = localTime(at, zone.value);
  return { day: `${year}-${two(month)}-${two(day)}`, clock: `${two(hour)}:${two(minute)}` };
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
    if (chosen !== "own") return onChange(chosen);
    const at = momentMeant(value, serverNow.value) ?? serverNow.value + HOUR_MS;
    const { day, clock } = ownOf(at);
    onChange(`${day} ${clock}`);
  };
  const at = momentMeant(value, serverNow.value);
  return (
    <div class="when">
      <Choice label={label} shown options={options} value={isOwn ? "own" : value} onChoose={choose} testid="order-when" />
      {isOwn && <OwnTime value={value} onChange={onChange} />}
      <p class={at === null ? "field-problem" : "quiet"} role="status">
        {at === null ? w("time.wrong") : w(isDeadline ? "time.ready" : "time.next", { when: moment(at) })}
      </p>
    </div>
  );
}

function OwnTime({ value, onChange }: { value: When; onChange: (when: When) => void }) {
  const [day = "", clock = ""] = value.split(" ", 2);
  const now = serverNow.value;
  const days = Array.from({ length: DAYS + 1 }, (_each, i) => midnight(now, zone.value, i));
  const name = (at: number, i: number) =>
    i === 0 ? t("today") : i === 1 ? t("tomorrow") : local(at, { weekday: "short", day: "numeric", month: "short" });
  return (
    <div class="own-row">
      <label class="own">
        {w("time.day")}
        <select value={day} data-testid="order-own-day" onChange={(event) => onChange(`${event.currentTarget.value} ${clock}`)}>
          {days.map((at, i) => (
            <option key={at} value={ownOf(at).day}>
              {name(at, i)}
            </option>
          ))}
        </select>
      </label>
      <label class="own">
        {w("time.clock")}
        <input
          type="text"
          inputMode="numeric"
          required
          maxLength={5}
          pattern={CLOCK_PATTERN}
          placeholder="07:30"
          value={clock}
          data-testid="order-own-time"
          onInput={(event) => onChange(`${day} ${event.currentTarget.value.trim()}`)}
        />
      </label>
    </div>
  );
}
