/** The safety latch: what holds, since when, what lets it go. */
import type { HeldView, SafetyView } from "../../api/system";
import { Card } from "../../components/card";
import { Icon } from "../../components/icon";
import { duration, moment } from "../../format";
import { named, t } from "../../i18n/shared";
import { live } from "../../state/live";
import { order, pending } from "../../state/orders";
import { mayControl } from "../../state/session";
import { told } from "../../sentences";
import { w } from "./words";

export function Latch({ safety, reload }: { safety: SafetyView; reload: () => void }) {
  const release = async () => {
    await order({ order: "release" });
    reload();
  };
  return (
    <Card title={w("latch.title")} testid="system-latch">
      {safety.held.length === 0 ? <Free clear={safety.clear} /> : <Held held={safety.held} release={release} />}
    </Card>
  );
}

function Free({ clear }: { clear: boolean | null }) {
  if (clear === null) return <p class="quiet">{w("latch.unknown")}</p>;
  return (
    <p class="state-word ok">
      <Icon name="check" size={20} />
      {w("latch.clear")}
    </p>
  );
}

function Held({ held, release }: { held: readonly HeldView[]; release: () => Promise<void> }) {
  const isReleasable = held.some((one) => one.releasable);
  return (
    <>
      <p class="state-word error">
        <Icon name="hold" size={20} />
        {w("latch.held", { n: held.length })}
      </p>
      <ul class="held">
        {held.map((one) => (
          <li key={one.cause}>
            <strong>{named("cause", one.cause)}</strong>
            <span class="tag">{w(one.grave ? "latch.grave" : "latch.mild")}</span>
            <p lang={live.value?.language}>{told(one.detail, live.value?.language)}</p>
            <p class="quiet">
              {[w("latch.since", { time: moment(one.since) }), presence(one), ending(one)].join(" · ")}
            </p>
          </li>
        ))}
      </ul>
      {!mayControl.value ? (
        <p class="quiet">{w("latch.read-only")}</p>
      ) : (
        <>
          <button type="button" class="button" data-testid="latch-release" disabled={!isReleasable || pending.value !== null} onClick={() => void release()}>
            <Icon name="release" size={20} />
            {w("latch.release")}
          </button>
          {!isReleasable && <p class="quiet">{w("latch.no-release")}</p>}
        </>
      )}
    </>
  );
}

function presence(one: HeldView): string {
  if (one.cause === "stopped_by_person") return t("stop.title");
  return one.clear_for_s > 0 ? w("latch.over", { age: duration(one.clear_for_s * 1000) }) : w("latch.present");
}

function ending(one: HeldView): string {
  if (one.release_after_s === null) return w("latch.by-person");
  return w("latch.by-itself", { age: duration(one.release_after_s * 1000) });
}
