/** A table that stays one on a phone: there each row becomes a card, the heads of the columns stand before the values. */
import type { ComponentChildren } from "preact";

export interface Column<T> {
  key: string;
  head: string;
  /** Said when the head is pointed at. */
  hint?: string;
  /** Numbers are set flush right. */
  isNumber?: boolean;
  cell: (row: T) => ComponentChildren;
}

export interface DataTableProps<T> {
  /** What the table is about; read out, not shown. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  rowClass?: (row: T) => string;
  testid?: string;
  rowTestid?: string;
}

// Cards are made by style alone, which takes a table's meaning from it: the roles give it back.
export function DataTable<T>({ caption, columns, rows, rowKey, rowClass, testid, rowTestid }: DataTableProps<T>) {
  return (
    <div class="scroll table-box" tabIndex={0} role="group" aria-label={caption}>
      <table class="data" role="table" data-testid={testid}>
        <caption class="unseen">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th key={column.key} role="columnheader" scope="col" class={column.isNumber ? "num" : ""} title={column.hint}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={rowKey(row)} role="row" class={rowClass?.(row) ?? ""} data-testid={rowTestid}>
              {columns.map((column, index) =>
                index === 0 ? (
                  <th key={column.key} role="rowheader" scope="row">
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.key} role="cell" class={column.isNumber ? "num" : ""} data-head={column.head}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
