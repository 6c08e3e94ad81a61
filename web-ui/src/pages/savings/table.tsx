/** The days (or months) with all their figures, newest first, and their sum. */
import { useState } from "preact/hooks";
import type { SavingsRow } from "../../api/past";
import { DataTable, type Column } from "../../components/data-table";
import { energy, money, number, percent } from "../../format";
import { isNarrow } from "../../state/screen";
import { dayName, monthName } from "./told";
import { w } from "./words";

const TOTAL = "total";
/** What is shown of a day until more is asked for: all figures are wider than most screens. */
const COMMON: ReadonlySet<string> = new Set(["start", "saved", "cost", "self-use", "score", "hindsight", "captured", "cycles"]);
/** What a phone shows of a day: even less. */
const ESSENTIAL: ReadonlySet<string> = new Set(["start", "saved", "cost", "hindsight", "captured"]);

export interface SavingsTableProps {
  rows: readonly SavingsRow[];
  total: SavingsRow;
  currency: string;
  isYear: boolean;
}

export function SavingsTable({ rows, total, currency, isYear }: SavingsTableProps) {
  const [showsAll, setShowsAll] = useState(false);
  const isTotal = (row: SavingsRow) => row === total;
  const columns = columnsOf(currency, isYear, isTotal);
  const few = isNarrow.value ? ESSENTIAL : COMMON;
  return (
    <>
      <button type="button" class="button small" aria-pressed={showsAll} data-testid="savings-table-all" onClick={() => setShowsAll(!showsAll)}>
        {w(showsAll ? "table.few" : "table.all")}
      </button>
      <DataTable
        caption={w(isYear ? "table.title-year" : "table.title-month")}
        columns={showsAll ? columns : columns.filter(({ key }) => few.has(key))}
        rows={[total, ...[...rows].reverse()]}
        rowKey={(row) => (isTotal(row) ? TOTAL : row.start)}
        rowClass={(row) => (isTotal(row) ? "row-total" : "")}
        testid="savings-table"
      />
    </>
  );
}

function columnsOf(currency: string, isYear: boolean, isTotal: (row: SavingsRow) => boolean): Column<SavingsRow>[] {
  const sum = (value: number | null, signed = false) => money(value, currency, signed);
  return [
    {
      key: "start",
      head: w(isYear ? "col.month" : "col.day"),
      cell: (row) => (isTotal(row) ? w("table.total") : isYear ? monthName(row.start) : dayName(row.start)),
    },
    { key: "saved", head: w("col.saved"), hint: w("hint.saved"), isNumber: true, cell: (row) => <strong>{sum(row.saved, true)}</strong> },
    { key: "cost", head: w("col.cost"), isNumber: true, cell: (row) => sum(row.cost) },
    { key: "self-use", head: w("col.self-use"), isNumber: true, cell: (row) => sum(row.self_use_cost) },
    { key: "score", head: w("col.score"), isNumber: true, cell: (row) => sum(row.score_saved, true) },
    {
      key: "hindsight",
      head: w("col.hindsight"),
      isNumber: true,
      cell: (row) => (row.hindsight_saved === null && row.hindsight_pending ? w("pending") : sum(row.hindsight_saved, true)),
    },
    { key: "captured", head: w("col.captured"), hint: w("hint.captured"), isNumber: true, cell: (row) => percent(row.captured_pct) },
    { key: "cycles", head: w("col.cycles"), hint: w("hint.cycles"), isNumber: true, cell: (row) => number(row.cycles, 2) },
    { key: "accuracy", head: w("col.accuracy"), isNumber: true, cell: (row) => percent(row.decision_accuracy_pct) },
    { key: "efficiency", head: w("col.efficiency"), isNumber: true, cell: (row) => percent(row.efficiency_pct, 1) },
    { key: "uptime", head: w("col.uptime"), hint: w("hint.kept"), isNumber: true, cell: (row) => percent(row.uptime_pct, 1) },
    { key: "collection", head: w("col.collection"), hint: w("hint.kept"), isNumber: true, cell: (row) => percent(row.collection_rate_pct, 1) },
    { key: "pv", head: w("col.pv"), isNumber: true, cell: (row) => energy(row.pv_wh) },
    { key: "load", head: w("col.load"), isNumber: true, cell: (row) => energy(row.load_wh) },
    { key: "import", head: w("col.import"), isNumber: true, cell: (row) => energy(row.import_wh) },
    { key: "export", head: w("col.export"), isNumber: true, cell: (row) => energy(row.export_wh) },
    { key: "self-sufficiency", head: w("col.self-sufficiency"), isNumber: true, cell: (row) => percent(row.self_sufficiency_pct) },
  ];
}
