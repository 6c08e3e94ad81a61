/** The emergency stop: it takes a second press, so that no sleeve stops the house. */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../../components/icon";
import { line } from "../../state/live";
import { order, pending } from "../../state/orders";
import { w } from "./words";

/** A first press that is not followed by a second is forgotten [ms]. */
const FORGET_MS = 20_000;

export function Stop() {
  const [armed, setArmed] = useState(false);
  const [reason, setReason] = useState("");
  useEffect(() => {
    if (!armed) return undefined;
    const timer = window.setTimeout(() => setArmed(false), FORGET_MS);
    return () => window.clearTimeout(timer);
  }, [armed, reason]);
  const press = async () => {
    if (!armed) return setArmed(true);
    await order({ order: "emergency_stop", reason: reason.trim() });
    setArmed(false);
    setReason("");
  };
  return (
    <div class={`stop-place ${armed ? "armed" : ""}`}>
      <button
        type="button"
        class={`button danger ${armed ? "armed" : ""}`}
        data-testid="order-stop"
        disabled={pending.value !== null || line.value === "lost"}
        onClick={() => void press()}
      >
        <Icon name="stop" size={22} />
        <span aria-live="polite">{armed ? w("stop.again") : w("stop")}</span>
      </button>
      {armed && (
        <>
          <p>{w("stop.about")}</p>
          <label>
            {w("stop.reason")}
            <input
              type="text"
              maxLength={200}
              value={reason}
              data-testid="order-stop-reason"
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
          <button type="button" class="button" onClick={() => setArmed(false)}>
            {w("cancel")}
          </button>
        </>
      )}
    </div>
  );
}
