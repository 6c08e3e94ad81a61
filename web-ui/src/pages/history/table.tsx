/** The course as a table, for whoever cannot see the chart or wants the numbers. Made only when it is opened. */
import { useState } from "preact/hooks";
import type { HistoryView } from "../../api/past";
import { DataTable, type Column } from "../../components/data-table";
import { number } from "../../format";
import { bucketName, bucketValues } from "./told";
import { w } from "./words";

/** More rows than this nobody reads, and a phone does not like. */
const MOST_ROWS = 800;

export function HistoryTable({ view }: { view: HistoryView }) {
  const [isOpen, setOpen] = useState(false);
  const { start } = view.columns;
  return (
    <details class="card plan-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary data-testid="history-table">{w("table.title")}</summary>
      {isOpen && (start.length > MOST_ROWS ? <p class="quiet">{w("table.too-long", { n: number(start.length) })}</p> : <Rows view={view} />)}
    </details>
  );
}

function Rows({ view }: { view: HistoryView }) {
  const rows = view.columns.start.map((start, i) => ({ start, i, values: bucketValues(view, i, true) }));
  const columns: Column<(typeof rows)[number]>[] = [
    { key: "time", head: w("table.time"), cell: (row) => bucketName(view, row.i) },
    ...(rows[0]?.values ?? []).map((head, at) => ({
      key: String(at),
      head: head.name,
      isNumber: true,
      cell: (row: (typeof rows)[number]) => row.values[at]?.value ?? "",
    })),
  ];
  return <DataTable caption={w("table.title")} columns={columns} rows={rows} rowKey={(row) => String(row.start)} />;
}
