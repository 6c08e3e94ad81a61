/** The page Plan: what is planned for the next day and a half, and why each quarter does what it does. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ChartColumn } from "../../charts/column";
import { ModeStrip } from "../../charts/mode-strip";
import { Card } from "../../components/card";
import { Failed, Loading, Notice } from "../../components/notice";
import type { ForecastsView, PlanColumns, PlanView } from "../../api/types";
import { ago, money, moment } from "../../format";
import { language } from "../../i18n";
import { t } from "../../i18n/shared";
import { line, live, planNumber, zone } from "../../state/live";
import { isNarrow } from "../../state/screen";
import { useResource } from "../../state/resource";
import { ForceLine } from "./force";
import { PlanTable } from "./table";
import { Tip, slotTold } from "./tip";
import { modeRuns, planTracks, sharedTime } from "./tracks";
import { Inputs, Why } from "./why";
import { told } from "../../sentences";
import { w } from "./words";

const cursor = signal<number | null>(null);

export function Plan() {
  const plan = useResource<PlanView>("plan", {}, [planNumber]);
  const forecasts = useResource<ForecastsView>("forecasts", {}, [planNumber]);
  const shown = plan.data;
  return (
    <>
      <div class="page-head">
        <h1>{t("nav.plan")}</h1>
        {shown?.at != null && <p class="quiet">{w("made", { when: moment(shown.at), ago: ago(shown.at) })}</p>}
        {shown?.saves != null && (
          <p class={`plan-saves ${shown.saves < 0 ? "loss" : ""}`} data-testid="plan-saves">
            {w(shown.saves < 0 ? "saves.loss" : "saves", { money: money(Math.abs(shown.saves), shown.currency) })}
          </p>
        )}
      </div>
      <ForceLine />
      {plan.problem !== null && <Failed problem={plan.problem} retry={plan.reload} />}
      {forecasts.problem !== null && plan.problem === null && <Failed problem={forecasts.problem} retry={forecasts.reload} />}
      {shown === null && plan.loading && <Loading />}
      {shown !== null && shown.slots === null && (
        <Notice severity="warning">{w("none", { why: shown.problem ?? w("none.yet") })}</Notice>
      )}
      {shown !== null && shown.slots !== null && <Shown plan={shown} slots={shown.slots} forecasts={forecasts.data} />}
    </>
  );
}

function Shown({ plan, slots, forecasts }: { plan: PlanView; slots: PlanColumns; forecasts: ForecastsView | null }) {
  const words = language.value;
  const shared = useMemo(() => sharedTime(slots, zone.value), [slots, zone.value]);
  const tracks = useMemo(() => planTracks(plan, slots, forecasts), [plan, slots, forecasts, words]);
  const runs = useMemo(() => modeRuns(slots.mode), [slots]);
  const quarter = useRef<number | null>(null);
  useEffect(() => {
    const again = quarter.current === null ? -1 : slots.start.indexOf(quarter.current);
    cursor.value = again < 0 ? null : again; // a newer plan leaves the cursor on its quarter
  }, [slots]);
  useEffect(() => {
    quarter.current = cursor.value === null ? null : (slots.start[cursor.value] ?? null);
  }, [cursor.value]);
  return (
    <div class={`plan ${line.value === "lost" ? "stale" : ""}`}>
      <Card
        title={w("chart.title")}
        class="plan-card"
        aside={shared.hatched.length > 0 && <span class="hatch-key">{w("estimated")}</span>}
      >
        <ChartColumn
          label={w("chart")}
          shared={shared}
          tracks={tracks}
          cursor={cursor}
          tell={(slot) => slotTold(plan, slots, slot)}
          head={<ModeStrip x={shared.x} runs={runs} />}
          testid="plan-chart"
        />
        <p class="quiet plan-hint">{w("tip.hint")}</p>
      </Card>
      <div class="plan-side">
        {!(isNarrow.value && cursor.value !== null) && <Tip plan={plan} slots={slots} slot={cursor.value} />}
        {isNarrow.value && cursor.value !== null && <Sheet plan={plan} slots={slots} slot={cursor.value} />}
      </div>
      <div class="plan-foot">
        {plan.reasoning !== null && <Why plan={plan} slots={slots} reasoning={plan.reasoning} />}
        {plan.reasoning !== null && <Inputs reasoning={plan.reasoning} isEstimated={slots.price_estimated[0] === true} />}
        {plan.remarks.length > 0 && (
          <Card title={w("remarks")}>
            <ul class="bullets" lang={live.value?.language}>
              {plan.remarks.map((remark) => (
                <li key={remark}>{told(remark, live.value?.language)}</li>
              ))}
            </ul>
          </Card>
        )}
      </div>
      <PlanTable plan={plan} slots={slots} />
    </div>
  );
}

/** The quarter under the finger, on a phone: closed by its cross, by Escape, and by a press anywhere but on it or the chart. */
function Sheet(props: { plan: PlanView; slots: PlanColumns; slot: number }) {
  useEffect(() => {
    const close = () => (cursor.value = null);
    const press = (event: PointerEvent) => {
      const at = event.target instanceof Element ? event.target : null;
      if (at?.closest(".tip-float, .chart-column") == null) close();
    };
    const key = (event: KeyboardEvent) => event.key === "Escape" && close();
    document.addEventListener("pointerdown", press);
    document.addEventListener("keydown", key);
    return () => {
      document.removeEventListener("pointerdown", press);
      document.removeEventListener("keydown", key);
    };
  }, []);
  return (
    // a press on it leaves the focus with the chart, whose loss would close it
    <div onMouseDown={(event) => event.preventDefault()}>
      <Tip {...props} floats close={() => (cursor.value = null)} />
    </div>
  );
}
