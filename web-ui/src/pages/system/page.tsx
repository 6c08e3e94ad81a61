/** System: how the machinery is. Everything with its age, every limit beside its present value. */
import type { ComponentChildren } from "preact";
import type { HealthView, SafetyView, SystemView } from "../../api/system";
import { Card } from "../../components/card";
import { FactList } from "../../components/facts";
import { Icon } from "../../components/icon";
import { Failed, Loading, Notice } from "../../components/notice";
import { duration, moment } from "../../format";
import { t } from "../../i18n/shared";
import { every } from "../../state/every";
import { line, live } from "../../state/live";
import { useResource, type Resource } from "../../state/resource";
import { Configuration } from "./configuration";
import { Inputs } from "./inputs";
import { InverterCard, Writes } from "./inverter";
import { Latch } from "./latch";
import { Bounds, Limits } from "./limits";
import { Logs } from "./logs";
import { Resources } from "./resources";
import { told } from "../../sentences";
import { w, wordOf } from "./words";

const REFRESH_S = 5;

export function System() {
  const also = [every(REFRESH_S)];
  const system = useResource<SystemView>("system", {}, also);
  const safety = useResource<SafetyView>("safety", {}, also);
  const health = useResource<HealthView>("health", {}, also);
  return (
    <>
      <h1>{t("nav.system")}</h1>
      <div class="system-grid">
        <Shown resource={system}>
          {(view) => (
            <>
              <Health health={health.data} system={view} />
              <InverterCard inverter={view.inverter} />
              <Writes done={view.inverter.writes_today} budget={view.inverter.write_budget} />
              <Inputs inputs={view.inputs} />
            </>
          )}
        </Shown>
        <Shown resource={safety}>
          {(view) => (
            <>
              <Latch safety={view} reload={safety.reload} />
              <Bounds bounds={view.bounds} />
              <Limits limits={view.limits} />
            </>
          )}
        </Shown>
        <Shown resource={system}>{(view) => <Resources resources={view.resources} />}</Shown>
        <Logs />
        <Configuration />
      </div>
    </>
  );
}

/** What was loaded last; it stays, greyed, while the line is lost. */
function Shown<T>({ resource, children }: { resource: Resource<T>; children: (data: T) => ComponentChildren }) {
  const { data, problem, reload } = resource;
  if (data === null) return <div class="wide">{problem === null ? <Loading /> : <Failed problem={problem} retry={reload} />}</div>;
  const isOld = problem !== null || line.value === "lost";
  return <div class={`system-part ${isOld ? "stale" : ""}`}>{children(data)}</div>;
}

const LOOK = { ok: "check", degraded: "warning", failing: "warning" } as const;

function Health({ health, system }: { health: HealthView | null; system: SystemView }) {
  return (
    <Card title={w("health.title")} class="wide" testid="system-health">
      {line.value === "lost" && (
        <div class="health unknown">
          <Icon name="warning" size={28} />
          <strong>{w("health.unknown")}</strong>
        </div>
      )}
      {health !== null && line.value !== "lost" && (
        <div class={`health ${health.status}`}>
          <Icon name={LOOK[health.status]} size={28} />
          <div>
            <strong>{w(`health.${health.status}`)}</strong>
            {health.problems.map((problem) => (
              <p key={problem} lang={live.value?.language}>
                {told(problem, live.value?.language)}
              </p>
            ))}
          </div>
        </div>
      )}
      <FactList
        facts={[
          { name: w("state"), value: wordOf("state", system.state) },
          { name: w("started"), value: moment(system.started_at), note: duration(system.uptime_s * 1000) },
          { name: w("version"), value: system.version },
        ]}
      />
      {system.resources.storage_error !== null && (
        <Notice severity="error">{w("resources.storage-error", { why: system.resources.storage_error })}</Notice>
      )}
    </Card>
  );
}
