/** Every strategy in a house of its own, beside the real one. */
import type { StrategiesView, StrategyView } from "../../api/past";
import { Card } from "../../components/card";
import { DataTable, type Column } from "../../components/data-table";
import { Failed, Loading } from "../../components/notice";
import { NONE, local, money, number, percent, power } from "../../format";
import { named } from "../../i18n/shared";
import { every } from "../../state/every";
import { useResource } from "../../state/resource";
import { w } from "./words";

const REFRESH_S = 60;

export function Strategies() {
  const { data, problem, reload } = useResource<StrategiesView>("strategies", {}, [every(REFRESH_S)]);
  return (
    <Card title={w("strategies.title")} testid="strategies">
      {data === null && (problem === null ? <Loading /> : <Failed problem={problem} retry={reload} />)}
      {data !== null && (data.strategies.length === 0 ? <p class="quiet">{w("strategies.off")}</p> : <Houses view={data} />)}
    </Card>
  );
}

const nameOf = (name: string) => (name === "idle" ? w("strategy.idle") : named("strategy", name));

function Houses({ view }: { view: StrategiesView }) {
  const { currency } = view;
  const sum = (value: number | null) => money(value, currency, true);
  const columns: Column<StrategyView>[] = [
    {
      key: "name",
      head: w("strategies.name"),
      cell: (row) => (
        <>
          {nameOf(row.name)} {row.in_charge && <span class="tag">{w("strategies.in-charge")}</span>}
        </>
      ),
    },
    { key: "today", head: w("strategies.today"), isNumber: true, cell: (row) => sum(row.saved_today) },
    { key: "7", head: w("strategies.7"), isNumber: true, cell: (row) => sum(row.saved_7_days) },
    { key: "30", head: w("strategies.30"), isNumber: true, cell: (row) => sum(row.saved_30_days) },
    { key: "total", head: w("strategies.total"), isNumber: true, cell: (row) => <strong>{sum(row.saved_total)}</strong> },
    { key: "idle", head: w("strategies.idle"), isNumber: true, cell: (row) => sum(row.saved_over_idle_total) },
    { key: "wear", head: w("strategies.wear"), hint: w("strategies.wear-hint"), isNumber: true, cell: (row) => money(row.wear_total, currency) },
    { key: "cycles", head: w("strategies.cycles"), isNumber: true, cell: (row) => number(row.cycles_per_day, 2) },
    { key: "mode", head: w("strategies.mode"), cell: (row) => doing(row) },
    { key: "soc", head: w("strategies.soc"), isNumber: true, cell: (row) => percent(row.soc_pct) },
  ];
  return (
    <>
      <p class="quiet">{w("strategies.lead")}</p>
      <p class="quiet" data-testid="strategies-differ">{w("strategies.differ")}</p>
      <DataTable caption={w("strategies.title")} columns={columns} rows={view.strategies} rowKey={(row) => row.name} />
      {view.since !== null && (
        <p class="quiet">{w("strategies.since", { since: local(view.since, { day: "numeric", month: "short", year: "numeric" }), n: view.quarters, count: number(view.quarters), gaps: number(view.gaps) })}</p>
      )}
    </>
  );
}

function doing(row: StrategyView): string {
  if (row.mode === null) return NONE;
  const mode = named("mode", row.mode);
  return row.power_w === null ? mode : `${mode}, ${power(row.power_w)}`;
}
