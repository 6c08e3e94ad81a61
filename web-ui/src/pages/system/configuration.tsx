/** The configuration in force, as a tree that opens section by section. */
import type { ConfigurationView, Setting } from "../../api/system";
import { Card } from "../../components/card";
import { Failed, Loading } from "../../components/notice";
import { useResource } from "../../state/resource";
import { w } from "./words";

export function Configuration() {
  const { data, problem, reload } = useResource<ConfigurationView>("configuration");
  return (
    <Card title={w("configuration.title")} class="wide" testid="system-configuration">
      {data === null && (problem === null ? <Loading /> : <Failed problem={problem} retry={reload} />)}
      {data !== null && (
        <>
          <p class="quiet">{w("configuration.lead")}</p>
          <p>
            <code>{data.path}</code>
          </p>
          <ul class="tree">
            {Object.entries(data.values).map(([name, value]) => (
              <Branch key={name} name={name} value={value} />
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}

const isBranch = (value: Setting): value is Setting[] | { [name: string]: Setting } => typeof value === "object" && value !== null;

function Branch({ name, value }: { name: string; value: Setting }) {
  if (!isBranch(value) || Object.keys(value).length === 0) {
    return (
      <li class="leaf">
        <code>
          <span class="leaf-name">{name}:</span> {leaf(value)}
        </code>
      </li>
    );
  }
  const entries = Object.entries(value);
  return (
    <li>
      <details>
        <summary>
          <code>{name}</code> <span class="quiet">{w("configuration.items", { n: entries.length })}</span>
        </summary>
        <ul>
          {entries.map(([key, inner]) => (
            <Branch key={key} name={Array.isArray(value) ? `${Number(key) + 1}` : key} value={inner as Setting} />
          ))}
        </ul>
      </details>
    </li>
  );
}

/** Return a value as it would stand in the file. */
function leaf(value: Setting): string {
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}
