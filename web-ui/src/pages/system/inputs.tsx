/** Every input: where it comes from, how old it is, how far it reaches. */
import type { InputAge } from "../../api/system";
import { Card } from "../../components/card";
import { DataTable, type Column } from "../../components/data-table";
import { Icon } from "../../components/icon";
import { NONE, ago, moment } from "../../format";
import { live } from "../../state/live";
import { shortened, told } from "../../sentences";
import { w, wordOf } from "./words";

export function Inputs({ inputs }: { inputs: readonly InputAge[] }) {
  const columns: Column<InputAge>[] = [
    { key: "name", head: w("inputs.name"), cell: (input) => wordOf("input", input.name) },
    { key: "state", head: w("inputs.state"), cell: (input) => <State input={input} /> },
    {
      key: "age",
      head: w("inputs.age"),
      cell: (input) => <Age input={input} />,
    },
    { key: "reach", head: w("inputs.reach"), cell: (input) => moment(input.covers_until) },
    { key: "source", head: w("inputs.source"), cell: (input) => (input.source === null ? NONE : sourceName(input.source)) },
    { key: "next", head: w("inputs.next"), cell: (input) => moment(input.next_attempt_at) },
  ];
  return (
    <Card title={w("inputs.title")} class="wide" testid="system-inputs">
      <DataTable
        caption={w("inputs.title")}
        columns={columns}
        rows={inputs}
        rowKey={(input) => input.name}
        rowClass={(input) => (input.stale ? "row-stale" : "")}
      />
    </Card>
  );
}

/** A program's name becomes words; a model's or a place's stays. */
const sourceName = (name: string) => (/^[a-z]+(_[a-z]+)*$/.test(name) ? wordOf("source", name) : shortened(name));

/** Whether nothing is set up that this could come from: neither fresh nor stale. */
const isOff = (input: InputAge) => input.source === null && input.at === null && !input.stale && input.problem === null;

function Age({ input }: { input: InputAge }) {
  if (isOff(input)) return <>{NONE}</>;
  if (input.at === null) return <>{w(input.stale ? "inputs.never" : "inputs.kept")}</>;
  return <span title={moment(input.at)}>{ago(input.at)}</span>;
}

function State({ input }: { input: InputAge }) {
  if (isOff(input)) return <span class="quiet">{w("inputs.off")}</span>;
  return (
    <div class="input-state">
      <span class={`state-word ${input.stale ? "warning" : "ok"}`}>
        <Icon name={input.stale ? "warning" : "check"} size={16} />
        {w(input.stale ? "inputs.stale" : "inputs.fresh")}
      </span>
      {input.problem !== null && (
        <span class="fact-note" lang={live.value?.language}>
          {told(input.problem, live.value?.language)}
        </span>
      )}
    </div>
  );
}
