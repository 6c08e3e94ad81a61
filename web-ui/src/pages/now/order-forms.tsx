/** The forms of the orders: each asks for as little as it can, and sends one order. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { OrderRequest, StrategyName } from "../../api/types";
import { Choice } from "../../components/choice";
import { percent } from "../../format";
import { t } from "../../i18n/shared";
import { serverNow } from "../../state/clock";
import { line, live } from "../../state/live";
import { order, pending } from "../../state/orders";
import { isStill } from "../../state/screen";
import { momentMeant, WhenField, type When } from "./when";
import { w } from "./words";

export type FormName = "fast_charge" | "hold" | "self_use" | "pause" | "strategy";
const LEVELS = [80, 90, 100] as const;
const LEAST_PCT = 10;
const MOST_PCT = 100;
const STRATEGIES: readonly StrategyName[] = ["optimal", "multi_factor", "self_use"];

interface FormProps {
  done: () => void;
}

export function OrderForm({ name, done }: FormProps & { name: FormName }) {
  if (name === "fast_charge") return <FastChargeForm done={done} />;
  if (name === "strategy") return <StrategyForm done={done} />;
  return <UntilForm key={name} name={name} done={done} />;
}

function FastChargeForm({ done }: FormProps) {
  const [level, setLevel] = useState(90);
  const [isOwn, setOwn] = useState(false);
  const choose = (value: number | "own") => {
    setOwn(value === "own");
    if (value !== "own") setLevel(value);
  };
  const isLevel = level >= LEAST_PCT && level <= MOST_PCT;
  const [by, setBy] = useState<When>("07:00");
  const ask = (): OrderRequest | null => {
    const at = momentMeant(by, serverNow.value);
    return at === null || !isLevel ? null : { order: "fast_charge", target_soc_pct: level, by: new Date(at).toISOString() };
  };
  return (
    <Form name="fast_charge" ask={ask} done={done}>
      <div class="when">
        <Choice<number | "own">
          label={w("level")}
          shown
          options={[...LEVELS.map((value) => ({ value, text: percent(value) })), { value: "own" as const, text: w("level.own") }]}
          value={isOwn ? "own" : level}
          onChoose={choose}
          testid="order-level"
        />
        {isOwn && (
          <label class="own">
            {w("level.own-label")}
            <input
              type="number"
              inputMode="numeric"
              min={LEAST_PCT}
              max={MOST_PCT}
              step={1}
              required
              value={level}
              data-testid="order-own-level"
              onInput={(event) => setLevel(event.currentTarget.valueAsNumber)}
            />
          </label>
        )}
      </div>
      <WhenField label={w("by")} presets={["07:00", "2", "4"]} value={by} onChange={setBy} isDeadline />
    </Form>
  );
}

function UntilForm({ name, done }: FormProps & { name: "hold" | "self_use" | "pause" }) {
  const [until, setUntil] = useState<When>("2");
  const ask = (): OrderRequest | null => {
    const at = momentMeant(until, serverNow.value);
    return at === null ? null : { order: name, until: new Date(at).toISOString() };
  };
  return (
    <Form name={name} ask={ask} done={done}>
      <WhenField label={w("until")} presets={["1", "2", "4", "07:00", "17:00"]} value={until} onChange={setUntil} isDeadline={false} />
    </Form>
  );
}

function StrategyForm({ done }: FormProps) {
  const orders = live.value?.orders;
  const [name, setName] = useState<StrategyName>(orders?.strategy ?? "optimal");
  return (
    <Form name="strategy" ask={() => ({ order: "strategy", name })} done={done}>
      <fieldset class="strategies">
        <legend class="unseen">{w("strategy")}</legend>
        {STRATEGIES.map((each) => (
          <label key={each} data-testid={`strategy-${each}`}>
            <input type="radio" name="strategy" checked={each === name} onChange={() => setName(each)} />
            <span>
              <strong>{t(`strategy.${each}`)}</strong>{" "}
              {each === orders?.configured_strategy && <span class="tag">{w("strategy.configured")}</span>}
              <span class="quiet">{w(`strategy.${each}`)}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </Form>
  );
}

interface FormFrameProps extends FormProps {
  name: FormName;
  ask: () => OrderRequest | null;
  children: ComponentChildren;
}

function Form({ name, ask, done, children }: FormFrameProps) {
  const submit = async (event: Event) => {
    event.preventDefault();
    const request = ask();
    if (request !== null && (await order(request))) done();
  };
  const busy = pending.value !== null;
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.focus({ preventScroll: true });
    form.current?.scrollIntoView({ block: "nearest", behavior: isStill.value ? "auto" : "smooth" });
  }, []);
  return (
    <form ref={form} tabIndex={-1} class="order-form" aria-label={w(name)} data-testid="order-form" onSubmit={(event) => void submit(event)}>
      <p class="order-about">{w(`${name}.about`)}</p>
      {children}
      <div class="order-buttons">
        <button type="submit" class="button primary" disabled={busy || line.value === "lost"} data-testid="order-submit">
          {busy ? w("order.busy") : w("order")}
        </button>
        <button type="button" class="button" onClick={done}>
          {w("cancel")}
        </button>
      </div>
    </form>
  );
}
