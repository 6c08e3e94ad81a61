/** Savings: what the coordinator saved, against doing nothing, the score, and what was possible. */
import { useState } from "preact/hooks";
import type { SavingsRow, SavingsView } from "../../api/past";
import { Card } from "../../components/card";
import { Choice } from "../../components/choice";
import { Icon } from "../../components/icon";
import { Failed, Loading, Notice } from "../../components/notice";
import { t } from "../../i18n/shared";
import { keepQuery, query } from "../../router";
import { serverNow } from "../../state/clock";
import { every } from "../../state/every";
import { line, zone } from "../../state/live";
import { useResource } from "../../state/resource";
import { localTime } from "../../time";
import { SavingsChart } from "./chart";
import { Figures } from "./figures";
import { Glance } from "./glance";
import { daysOf, moved, periodOf, queryOf, type Period } from "./period";
import { Strategies } from "./strategies";
import { SavingsTable } from "./table";
import { periodName } from "./told";
import { w } from "./words";

/** How soon is asked again while the most possible is being worked out, and else. */
const PENDING_S = 3;
const REFRESH_S = 300;

export function Savings() {
  const period = periodOf(query.value, serverNow.value, zone.value);
  const span = daysOf(period, serverNow.value, zone.value);
  const [isPending, setPending] = useState(false);
  const { data, problem, loading, reload } = useResource<SavingsView>(span === null ? null : "savings", span ?? {}, [
    every(isPending ? PENDING_S : REFRESH_S),
  ]);
  const waits = data !== null && data.days.some((row) => row.hindsight_pending);
  if (waits !== isPending) setPending(waits);
  return (
    <>
      <h1>{t("nav.savings")}</h1>
      <Picker period={period} />
      {problem !== null && <Failed problem={problem} retry={reload} />}
      {data === null && problem === null && <Loading />}
      {data !== null && (
        <div class={`savings ${line.value === "lost" ? "stale" : loading && !isPending ? "is-loading" : ""}`} aria-busy={loading}>
          <Shown view={data} period={period} waits={waits} />
        </div>
      )}
      <Strategies />
    </>
  );
}

function Shown({ view, period, waits }: { view: SavingsView; period: Period; waits: boolean }) {
  const isYear = period.month === null;
  const rows: SavingsRow[] = isYear ? view.months : view.days;
  const measured = rows.filter(isMeasured);
  return (
    <>
      <Glance view={view} period={period} />
      {waits && <Notice>{w("pending.note")}</Notice>}
      <Card title={w(isYear ? "chart.title-year" : "chart.title-month")} testid="savings-chart">
        {measured.length === 0 ? <Notice>{w("nothing")}</Notice> : <SavingsChart rows={rows} currency={view.currency} isYear={isYear} />}
      </Card>
      <Figures figures={view.figures} />
      {measured.length > 0 && (
        <Card title={w(isYear ? "table.title-year" : "table.title-month")}>
          <SavingsTable rows={measured} total={view.total} currency={view.currency} isYear={isYear} />
        </Card>
      )}
    </>
  );
}

/** Whether there is anything to tell of a day or month. */
const isMeasured = (row: SavingsRow) => [row.load_wh, row.pv_wh, row.import_wh, row.cost, row.saved].some((value) => value !== null);

function Picker({ period }: { period: Period }) {
  const now = localTime(serverNow.value, zone.value);
  const go = (to: Period) => keepQuery(queryOf(to));
  const later = moved(period, 1);
  const isNewest = daysOf(later, serverNow.value, zone.value) === null;
  const chooseKind = (kind: "month" | "year") => {
    if (kind === "year") return go({ year: period.year, month: null });
    return go({ year: period.year, month: period.month ?? (period.year === now.year ? now.month : 12) });
  };
  return (
    <div class="toolbar">
      <Choice
        label={w("period")}
        options={[
          { value: "month", text: w("month") },
          { value: "year", text: w("year") },
        ]}
        value={period.month === null ? "year" : "month"}
        onChoose={chooseKind}
      />
      <div class="stepper">
        <button type="button" class="icon-button" aria-label={w("back")} title={w("back")} onClick={() => go(moved(period, -1))}>
          <span class="turned">
            <Icon name="arrow" size={20} />
          </span>
        </button>
        <strong aria-live="polite">{periodName(period)}</strong>
        <button type="button" class="icon-button" aria-label={w("forward")} title={w("forward")} disabled={isNewest} onClick={() => go(later)}>
          <Icon name="arrow" size={20} />
        </button>
      </div>
    </div>
  );
}
