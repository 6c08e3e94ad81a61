/** What the service costs its machine. */
import type { ResourcesView } from "../../api/system";
import { Card } from "../../components/card";
import { FactList } from "../../components/facts";
import { NONE, number, percent } from "../../format";
import { w } from "./words";

const megabytes = (value: number | null) => (value === null ? NONE : `${number(value, value < 10 ? 1 : 0)}\u00a0MB`);

export function Resources({ resources }: { resources: ResourcesView }) {
  const { dropped_records: dropped } = resources;
  return (
    <Card title={w("resources.title")} class="wide" testid="system-resources">
      <FactList
        facts={[
          { name: w("resources.memory"), value: megabytes(resources.rss_mb) },
          {
            name: w("resources.cpu"),
            value: percent(resources.cpu_pct_of_one_core, 1),
            ...(resources.cpu_pct_of_one_core === null ? {} : { note: w("resources.cpu-note") }),
          },
          { name: w("resources.database"), value: megabytes(resources.database_mb) },
          { name: w("resources.queue"), value: number(resources.queued_records) },
          { name: w("resources.dropped"), value: <span class={dropped > 0 ? "word-warning" : ""}>{number(dropped)}</span> },
          { name: w("resources.streams"), value: number(resources.open_streams) },
          { name: w("resources.files"), value: number(resources.open_files) },
          { name: w("resources.pid"), value: String(resources.pid) },
        ]}
      />
    </Card>
  );
}
