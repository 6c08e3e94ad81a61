/** The inverter, the line to it, and what was written into it today. */
import type { InverterView } from "../../api/system";
import { Card } from "../../components/card";
import { FactList } from "../../components/facts";
import { Icon } from "../../components/icon";
import { ago, duration, moment, number, percent } from "../../format";
import { t } from "../../i18n/shared";
import { shortened } from "../../sentences";
import { w, wordOf } from "./words";

/** A link that answers less often than this is worth a look: one lost datagram in fifty is ordinary on a radio link. */
const GOOD_LINK_PCT = 98;
/** A clock that is off by more makes the inverter do things in a wrong quarter. */
const CLOCK_OFF_S = 300;

export function InverterCard({ inverter }: { inverter: InverterView }) {
  const told = (text: string | null) => text ?? t("unknown");
  const link = inverter.answered_pct;
  const facts = [
    { name: w("inverter.model"), value: told(inverter.model) },
    { name: w("inverter.family"), value: told(inverter.family) },
    { name: w("inverter.serial"), value: told(inverter.serial_number) },
    { name: w("inverter.firmware"), value: told(inverter.firmware) },
    { name: w("inverter.control"), value: inverter.control === null ? t("unknown") : wordOf("control", inverter.control) },
    { name: w("inverter.last"), value: <LastAnswer inverter={inverter} /> },
    {
      name: w("inverter.link"),
      value: <span class={link !== null && link < GOOD_LINK_PCT ? "word-warning" : ""}>{percent(link, 1)}</span>,
      note: w("inverter.link-note", { answered: number(inverter.answered), polls: number(inverter.polls) }),
    },
    { name: w("inverter.reconnections"), value: number(inverter.reconnections) },
    { name: w("inverter.clock"), value: <ClockOffset offset_s={inverter.clock_offset_s} /> },
  ];
  if (inverter.last_error !== null) facts.push({ name: w("inverter.error"), value: shortened(inverter.last_error) });
  return (
    <Card
      title={w("inverter.title")}
      testid="system-inverter"
      aside={
        <span class={`state-word ${inverter.connected ? "ok" : "error"}`}>
          <Icon name={inverter.connected ? "check" : "warning"} size={16} />
          {w(inverter.connected ? "inverter.connected" : "inverter.lost")}
        </span>
      }
    >
      <FactList facts={facts} />
    </Card>
  );
}

function LastAnswer({ inverter }: { inverter: InverterView }) {
  if (inverter.last_answer_at === null) return <>{w("inputs.never")}</>;
  return (
    <>
      <span title={moment(inverter.last_answer_at)}>{ago(inverter.last_answer_at)}</span>
      {inverter.unanswered_polls > 0 && (
        <span class="fact-note">{w("inverter.unanswered", { n: inverter.unanswered_polls })}</span>
      )}
    </>
  );
}

function ClockOffset({ offset_s }: { offset_s: number | null }) {
  const isOff = offset_s !== null && Math.abs(offset_s) > CLOCK_OFF_S;
  if (!isOff) return <>{clockWords(offset_s)}</>;
  return (
    <>
      <span class="state-word warning">
        <Icon name="warning" size={16} />
        {clockWords(offset_s)}
      </span>
      <span class="fact-note">{w("clock.off")}</span>
    </>
  );
}

function clockWords(offset_s: number | null): string {
  if (offset_s === null) return t("unknown");
  const s = Math.abs(offset_s) < 120 ? t("age.s", { n: number(Math.abs(offset_s)) }) : duration(Math.abs(offset_s) * 1000);
  if (Math.abs(offset_s) < 1) return w("clock.right");
  return w(offset_s > 0 ? "clock.ahead" : "clock.behind", { s });
}

export function Writes({ done, budget }: { done: number; budget: number }) {
  const share = budget > 0 ? Math.min(1, done / budget) : 1;
  const text = w("writes.of", { n: number(done), budget: number(budget) });
  return (
    <Card title={w("writes.title")} testid="system-writes">
      <p class="big-number">
        {number(done)} <span class="quiet">/ {number(budget)}</span>
      </p>
      <div
        class={`meter ${share >= 1 ? "full" : share >= 0.8 ? "high" : ""}`}
        role="meter"
        aria-label={w("writes.title")}
        aria-valuemin={0}
        aria-valuemax={Math.max(budget, done)}
        aria-valuenow={done}
        aria-valuetext={text}
      >
        <span style={{ width: `${share * 100}%` }} />
      </div>
      <p class="quiet">{done >= budget ? w("writes.over") : w("writes.note")}</p>
    </Card>
  );
}
