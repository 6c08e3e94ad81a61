/** The page Now: what happens, why, what comes next, what it costs and saved; and what a person may order. */
import { Card } from "../../components/card";
import type { LiveState } from "../../api/types";
import { ago, clock } from "../../format";
import { t } from "../../i18n/shared";
import { isStale, line, live } from "../../state/live";
import { isNarrow, isTight } from "../../state/screen";
import { Actions } from "./actions";
import { Decision } from "./decision";
import { Flow } from "./flow";
import { PriceTile, TodayTile } from "./tiles";
import { w } from "./words";

/** Which inverter it is; of old readings, how old they are. */
function asOf(state: LiveState): string | null {
  const at = state.readings?.at;
  if (!isStale.value || at === undefined) return state.connection.model;
  return w("flow.asof", { time: clock(at, true), ago: ago(at) });
}

export function Now() {
  const state = live.value;
  if (state === null) return null;
  const isLow = isTight.value && !isNarrow.value; // a wall tablet: the orders are to be reached without scrolling
  return (
    <>
      <h1 class="unseen">{t("nav.now")}</h1>
      <div class="now">
        <Card title={w("flow.title")} aside={asOf(state)} class="flow-card">
          <Flow />
        </Card>
        <div class={`now-side ${line.value === "lost" ? "stale" : ""}`}>
          <Decision state={state} />
          {!isLow && <Tiles state={state} />}
        </div>
        <Actions state={state} />
        {isLow && <Tiles state={state} />}
      </div>
    </>
  );
}

function Tiles({ state }: { state: LiveState }) {
  return (
    <div class={`tiles ${line.value === "lost" ? "stale" : ""}`}>
      <PriceTile state={state} />
      <TodayTile state={state} />
    </div>
  );
}
