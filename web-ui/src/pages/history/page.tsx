/** The page History: any span from minutes to years, its sums, and what was decided and happened in it. */
import type { HistoryView, Resolution } from "../../api/past";
import { address } from "../../api/client";
import { Icon } from "../../components/icon";
import { Failed, Loading, Notice } from "../../components/notice";
import { t } from "../../i18n/shared";
import { query } from "../../router";
import { serverNow } from "../../state/clock";
import { every } from "../../state/every";
import { line, zone } from "../../state/live";
import { useResource } from "../../state/resource";
import { HistoryChart } from "./chart";
import { Decisions } from "./decisions";
import { Events } from "./events";
import { Picker, ShowChoice } from "./picker";
import { spanOf, type Span } from "./range";
import { HistoryTable } from "./table";
import { Totals } from "./totals";
import { w } from "./words";

/** How often the running day or month is made anew; shorter spans move on by the minute. */
const REFRESH_S = 300;
const DAY = 86_400_000;
/** A span of power this long is told by the hour; of a shorter one the service chooses what fits a screen. */
const HOURS_FROM = 20 * DAY;
/** Lists of a span that moves on begin at a round time, so that they are not loaded anew each minute. */
const ROUND_MS = 3_600_000;

export function History() {
  const span = spanOf(query.value, serverNow.value, zone.value);
  const asked = span === null ? {} : questionOf(span);
  const { data, problem, loading, reload } = useResource<HistoryView>(span === null ? null : "history", asked, [every(REFRESH_S)]);
  return (
    <>
      <h1>{t("nav.history")}</h1>
      <Picker span={span} />
      {span === null && <Notice severity="warning">{w("range.wrong")}</Notice>}
      {problem !== null && <Failed problem={problem} retry={reload} />}
      {data === null && problem === null && span !== null && <Loading />}
      {data !== null && span !== null && (
        <div class={`history ${line.value === "lost" ? "stale" : ""}`}>
          <HistoryChart view={data} span={span} isLoading={loading} aside={<Aside span={span} asked={asked} />} />
          <Totals view={data} />
          <HistoryTable view={data} />
        </div>
      )}
      {span !== null && <Lists span={span} />}
    </>
  );
}

function Aside({ span, asked }: { span: Span; asked: Record<string, string | null> }) {
  return (
    <div class="toolbar">
      <ShowChoice span={span} />
      <a class="link" href={address("history.csv", asked)} download data-testid="history-csv">
        <Icon name="download" size={16} />
        {w("csv.history")}
      </a>
    </div>
  );
}

function questionOf({ start, end, show }: Span): Record<string, string | null> {
  const resolution: Resolution | null = show === "power" ? (end - start > HOURS_FROM ? "hour" : null) : show;
  return { start: new Date(start).toISOString(), end: new Date(end).toISOString(), resolution };
}

function Lists({ span }: { span: Span }) {
  const start = new Date(span.isLive ? Math.floor(span.start / ROUND_MS) * ROUND_MS : span.start).toISOString();
  const end = new Date(span.isLive ? (Math.floor(span.end / DAY) + 2) * DAY : span.end).toISOString();
  return (
    <div class="history-lists">
      <Decisions start={start} end={end} />
      <Events start={start} end={end} />
    </div>
  );
}
