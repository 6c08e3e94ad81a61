/** The range: named ones, an own one, back and forward by one range, to now. */
import { useState } from "preact/hooks";
import { Choice } from "../../components/choice";
import { Icon } from "../../components/icon";
import { clock, local } from "../../format";
import { keepQuery, query } from "../../router";
import { serverNow } from "../../state/clock";
import { zone } from "../../state/live";
import { CLOCK_PATTERN, daysFrom } from "../../time";
import { RANGES, SHOWS, fits, ownQuery, parseLocal, stepped, writeLocal, type RangeName, type Span } from "./range";
import { w } from "./words";
import { forgetZooms, zoomOut, zooms } from "./zoom";

export function Picker({ span }: { span: Span | null }) {
  const chosen = RANGES.find((name) => name === query.value.get("range")) ?? "24h";
  const choose = (range: RangeName) => {
    forgetZooms();
    if (range !== "own") keepQuery({ range });
    else if (span !== null) keepQuery(ownQuery(span.start, span.end, zone.value));
  };
  return (
    <div class="history-picker">
      <div class="toolbar">
        <Choice
          label={w("range.label")}
          options={RANGES.map((value) => ({ value, text: w(`range.${value}`), testid: `history-range-${value}` }))}
          value={chosen}
          onChoose={choose}
        />
        {span !== null && <Stepper span={span} />}
      </div>
      {chosen === "own" && <OwnSpan key={query.value.toString()} span={span} />}
    </div>
  );
}

function Stepper({ span }: { span: Span }) {
  const go = (by: 1 | -1) => keepQuery(stepped(span, by, serverNow.value, zone.value));
  return (
    <div class="stepper">
      <button type="button" class="icon-button" aria-label={w("range.back")} title={w("range.back")} onClick={() => go(-1)}>
        <span class="turned">
          <Icon name="arrow" size={20} />
        </span>
      </button>
      <strong class="span-name">{spanName(span)}</strong>
      <button
        type="button"
        class="icon-button"
        aria-label={w("range.forward")}
        title={w("range.forward")}
        disabled={span.end >= serverNow.value}
        onClick={() => go(1)}
      >
        <Icon name="arrow" size={20} />
      </button>
      {!span.isLive && span.range !== "own" && (
        <button type="button" class="button small" onClick={() => keepQuery({ range: span.range })}>
          {w("range.now")}
        </button>
      )}
      {span.range === "own" && zooms.value.length > 0 && (
        <button type="button" class="button small" data-testid="history-zoom-out" onClick={zoomOut}>
          {w("range.zoom-out")}
        </button>
      )}
    </div>
  );
}

function spanName({ start, end }: Span): string {
  const isLong = end - start > 2 * 86_400_000;
  const options: Intl.DateTimeFormatOptions = isLong
    ? { day: "numeric", month: "short", year: "numeric" }
    : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const isOneDay = !isLong && daysFrom(start, end, zone.value) === 0;
  return `${local(start, options)} – ${isOneDay ? clock(end) : local(isLong ? end - 1 : end, options)}`;
}

function OwnSpan({ span }: { span: Span | null }) {
  const write = (at: number | undefined) => (at === undefined ? "" : writeLocal(at, zone.value).slice(0, 16));
  const [from, setFrom] = useState(query.value.get("from")?.slice(0, 16) ?? write(span?.start));
  const [to, setTo] = useState(query.value.get("to")?.slice(0, 16) ?? write(span?.end));
  const [start, end] = [parseLocal(from, zone.value), parseLocal(to, zone.value)];
  const isWrong = start === null || end === null || start >= end;
  const submit = (event: Event) => {
    event.preventDefault();
    if (start === null || end === null || isWrong) return;
    forgetZooms();
    keepQuery(ownQuery(start, end, zone.value));
  };
  return (
    <form class="toolbar" onSubmit={submit}>
      <div class="field">
        {w("range.from")}
        <LocalFields value={from} change={setFrom} label={w("range.from")} />
      </div>
      <div class="field">
        {w("range.to")}
        <LocalFields value={to} change={setTo} label={w("range.to")} />
      </div>
      <button type="submit" class="button" disabled={isWrong}>
        {w("show.label")}
      </button>
      <p class="field-problem" role="status">
        {isWrong && from !== "" && to !== "" ? w("range.wrong") : ""}
      </p>
    </form>
  );
}

/** A local day and its time of day, by 24 hours on every device; `value` is "2026-11-25T07:30". */
function LocalFields({ value, change, label }: { value: string; change: (to: string) => void; label: string }) {
  const [day = "", clock = ""] = value.split("T", 2);
  return (
    <span class="local-fields">
      <input type="date" value={day} required aria-label={`${label}, ${w("range.day")}`} onInput={(event) => change(`${event.currentTarget.value}T${clock}`)} />
      <input
        type="text"
        inputMode="numeric"
        class="clock-field"
        required
        maxLength={5}
        pattern={CLOCK_PATTERN}
        placeholder="00:00"
        value={clock}
        aria-label={`${label}, ${w("range.clock")}`}
        onInput={(event) => change(`${day}T${event.currentTarget.value.trim()}`)}
      />
    </span>
  );
}

/** Power, or energy by day or month; only what fits the span. */
export function ShowChoice({ span }: { span: Span }) {
  const offered = SHOWS.filter((show) => fits(show, span.end - span.start));
  if (offered.length < 2) return null;
  return (
    <Choice
      label={w("show.label")}
      options={offered.map((value) => ({ value, text: w(`show.${value}`) }))}
      value={span.show}
      onChoose={(show) => keepQuery({ ...Object.fromEntries(query.value), show })}
    />
  );
}
