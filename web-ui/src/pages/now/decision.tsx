/** What the house does, why, for how long, who decided, how sure that is, and whether the measurement proves it. */
import { Icon } from "../../components/icon";
import { ModeMark } from "../../components/mode";
import type { DecisionNow, LiveState } from "../../api/types";
import { clock, moment, percent, power, until } from "../../format";
import { named, t } from "../../i18n/shared";
import { w } from "./words";

export function Decision({ state }: { state: LiveState }) {
  const { mode, decision } = state;
  return (
    <section class="card decision" aria-labelledby="mode-title">
      <h2 id="mode-title" class="unseen">
        {w("mode.title")}
      </h2>
      <div class="mode-line">
        <ModeMark mode={mode.mode} size={34} />
        <p class="mode-now" data-testid="mode" data-mode={mode.mode}>
          <span aria-live="polite">{t(`mode.${mode.mode}`)}</span> <span class="mode-power">{asked(state)}</span>
        </p>
      </div>
      <p class="reason" lang={state.language} data-testid="reason">
        {decision?.reason ?? w("decision.none")}
      </p>
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
            mode.expires_at !== null && w("mode.until", { time: clock(mode.expires_at) }),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
      <Next state={state} />
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

function Verdict({ decision, language }: { decision: DecisionNow; language: string }) {
  if (decision.verdict === "allowed") return null;
  return (
    <div class="doubt">
      <Icon name="warning" size={18} />
      <div>
        {w(`verdict.${decision.verdict}`)}
        <ul lang={language}>
          {decision.causes.map((cause) => (
            <li key={cause}>{cause}</li>
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

function Next({ state }: { state: LiveState }) {
  const change = state.next_change;
  return (
    <div class="next" data-testid="next-change">
      <h3>{w("next.title")}</h3>
      {change === null ? (
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
