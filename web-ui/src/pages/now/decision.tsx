/** What the house does, why, for how long, who decided, how sure that is, and whether the measurement proves it. */
import { Icon } from "../../components/icon";
import { ModeMark } from "../../components/mode";
import type { DecisionNow, Language, LiveState } from "../../api/types";
import { clock, moment, percent, power, until } from "../../format";
import { named, t } from "../../i18n/shared";
import { sentences, told } from "../../sentences";
import { forceOf, type Force } from "../../state/force";
import { line } from "../../state/live";
import { w } from "./words";

type NextEnd = "next.end.pause" | "next.end.hold" | "next.end.self_use" | "next.end.fast_charge";

export function Decision({ state }: { state: LiveState }) {
  const { mode, decision } = state;
  const force = forceOf(state);
  if (force?.kind === "stop") return <Stopped state={state} />;
  const isLost = line.value === "lost";
  return (
    <section class="card decision" aria-labelledby="mode-title">
      <h2 id="mode-title" class="unseen">
        {w("mode.title")}
      </h2>
      <div class="mode-line">
        <ModeMark mode={mode.mode} size={34} />
        <p class="mode-now" data-testid="mode" data-mode={mode.mode}>
          {isLost && <span class="last-known">{w("last-known")}</span>}
          <span aria-live="polite">{t(`mode.${mode.mode}`)}</span> <span class="mode-power">{asked(state)}</span>
        </p>
      </div>
      <Reason state={state} isLost={isLost} />
      {!mode.certain && (
        <p class="doubt">
          <Icon name="warning" size={18} /> {w("mode.uncertain")}
        </p>
      )}
      {decision !== null && <Verdict decision={decision} language={state.language} />}
      <div class="decision-foot">
        {decision !== null && <Confidence pct={decision.confidence_pct} />}
        <Proof state={state} />
        <p class="quiet who">
          {[
            w("mode.by", { who: named("source", mode.source ?? decision?.source ?? "self_use") }),
            mode.since !== null && w("mode.since", { time: moment(mode.since) }),
            mode.expires_at !== null && force === null && w("mode.until", { time: clock(mode.expires_at) }),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
      <Next state={state} force={force} />
    </section>
  );
}

/** Why: the first sentence large, what else there is to say small beneath it. */
function Reason({ state, isLost }: { state: LiveState; isLost: boolean }) {
  const { decision, language } = state;
  if (decision === null) return <p class="reason" data-testid="reason">{w("decision.none")}</p>;
  const [first, ...rest] = sentences(decision.reason, language);
  return (
    <div class="reason-place" data-testid="reason">
      {isLost && <p class="quiet">{w("last-known.reason", { time: clock(state.at) })}</p>}
      <p class="reason" lang={language}>
        {first}
      </p>
      {rest.length > 0 && (
        <p class="quiet reason-more" lang={language}>
          {rest.join(" ")}
        </p>
      )}
    </div>
  );
}

/** A person stopped everything: that is what the house does, and no older reason counts. */
function Stopped({ state }: { state: LiveState }) {
  const { orders, mode, language } = state;
  return (
    <section class="card decision" aria-labelledby="mode-title">
      <h2 id="mode-title" class="unseen">
        {w("mode.title")}
      </h2>
      <div class="mode-line">
        <span class="mode-mark stopped">
          <Icon name="stop" size={34} />
        </span>
        <p class="mode-now" data-testid="mode" data-mode={mode.mode}>
          {line.value === "lost" && <span class="last-known">{w("last-known")}</span>}
          <span aria-live="polite">{t("stop.title")}</span> <span class="mode-power">{t(`mode.${mode.mode}`)}</span>
        </p>
      </div>
      <div class="reason-place" data-testid="reason">
        {orders.emergency_stop_reason !== null && orders.emergency_stop_reason !== "" && (
          <p class="reason" lang={language}>
            {told(orders.emergency_stop_reason, language)}
          </p>
        )}
        <p class="quiet">{t("stop.text")}</p>
      </div>
      {!mode.certain && (
        <p class="doubt">
          <Icon name="warning" size={18} /> {w("mode.uncertain")}
        </p>
      )}
      <div class="decision-foot">
        <Proof state={state} />
        {orders.emergency_stop_since !== null && <p class="quiet who">{t("stop.since", { time: moment(orders.emergency_stop_since) })}</p>}
      </div>
      <div class="next" data-testid="next-change">
        <h3>{w("next.title")}</h3>
        <p>{w("next.stop")}</p>
      </div>
    </section>
  );
}

function asked({ mode }: LiveState): string {
  const parts = [];
  if (mode.power_w !== null) parts.push(w("mode.at", { power: power(mode.power_w) }));
  if (mode.target_soc_pct !== null) parts.push(w("mode.to", { soc: percent(mode.target_soc_pct) }));
  if (mode.export_limit_w !== null)
    parts.push(mode.export_limit_w < 1 ? w("mode.export.none") : w("mode.export", { power: power(mode.export_limit_w) }));
  return parts.join(", ");
}

function Proof({ state: { mode, language } }: { state: LiveState }) {
  const proof = mode.proof;
  if (proof !== "confirmed" && proof !== "pending" && proof !== "refuted") return null;
  const icon = proof === "confirmed" ? "check" : proof === "pending" ? "clock" : "warning";
  return (
    <p class={`proof ${proof}`} title={mode.proof_detail ?? undefined} data-testid="proof">
      <Icon name={icon} size={18} />
      <span>{w(`proof.${proof}`)}</span>
      {mode.proof_detail !== null && (
        <span class="unseen" lang={language}>
          : {mode.proof_detail}
        </span>
      )}
    </p>
  );
}

function Verdict({ decision, language }: { decision: DecisionNow; language: Language }) {
  if (decision.verdict === "allowed") return null;
  return (
    <div class="doubt">
      <Icon name="warning" size={18} />
      <div>
        {w(`verdict.${decision.verdict}`)}
        <ul lang={language}>
          {decision.causes.map((cause) => (
            <li key={cause}>{told(cause, language)}</li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function Confidence({ pct }: { pct: number }) {
  return (
    <div class="confidence" data-testid="confidence">
      <span class="quiet" id="confidence-label">
        {w("confidence")}
      </span>
      <meter min={0} max={100} value={pct} aria-labelledby="confidence-label">
        {percent(pct)}
      </meter>
      <strong>{percent(pct)}</strong>
    </div>
  );
}

/** The order whose end comes before any planned change; null where none does. */
function endingOf(force: Force | null, change: LiveState["next_change"]): { kind: string; at: string } | null {
  const at = force?.order?.until ?? null;
  if (force === null || at === null) return null;
  return change !== null && Date.parse(change.at) <= Date.parse(at) ? null : { kind: force.kind, at };
}

function Next({ state, force }: { state: LiveState; force: Force | null }) {
  const change = state.next_change;
  const ending = endingOf(force, change);
  return (
    <div class="next" data-testid="next-change">
      <h3>{w("next.title")}</h3>
      {ending !== null ? (
        <p class="next-mode">
          <Icon name="clock" size={22} />
          <span>{w(`next.end.${ending.kind}` as NextEnd, { when: moment(ending.at), left: until(ending.at) })}</span>
        </p>
      ) : change === null ? (
        <p>{w("next.none")}</p>
      ) : (
        <p class="next-mode">
          <ModeMark mode={change.mode} />
          <span>
            {w("next.change", { when: moment(change.at), left: until(change.at), mode: t(`mode.${change.mode}`) })}
            {change.power_w !== null && ` ${w("mode.at", { power: power(change.power_w) })}`}
          </span>
        </p>
      )}
      {state.next_decision_at !== null && <p class="quiet">{w("next.decision", { left: until(state.next_decision_at) })}</p>}
    </div>
  );
}
