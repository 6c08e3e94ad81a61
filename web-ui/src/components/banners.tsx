/** What stands above every page: the emergency stop, and what needs a person's eye. */
import type { Alert } from "../api/types";
import { clock, moment } from "../format";
import { named, t } from "../i18n/shared";
import { told } from "../sentences";
import { answer, order, pending } from "../state/orders";
import { line, live } from "../state/live";
import { isTight } from "../state/screen";
import { mayControl } from "../state/session";
import { page } from "../router";
import { OrderAnswerLine } from "./order-answer";
import { Icon } from "./icon";

export function Banners() {
  const state = live.value;
  if (state === null) return null;
  const said = answer.value;
  return (
    <>
      {state.orders.emergency_stop && <StopBanner since={state.orders.emergency_stop_since} reason={state.orders.emergency_stop_reason} />}
      {page.value !== "now" && said?.to === "release" && <OrderAnswerLine />}
      <Alerts />
    </>
  );
}

function StopBanner({ since, reason }: { since: string | null; reason: string | null }) {
  return (
    <section class="banner stop" aria-label={t("stop.title")}>
      <Icon name="stop" size={28} />
      <div class="banner-text">
        <strong>
          {t("stop.title")}
          {since !== null && ` ${t("stop.since", { time: moment(since) })}`}
        </strong>
        {reason !== null && reason !== "" && (
          <span lang={live.value?.language}>{told(reason, live.value?.language)}</span>
        )}
        <span>{t("stop.text")}</span>
      </div>
      {mayControl.value && (
        <button
          type="button"
          class="button"
          data-testid="order-release"
          disabled={pending.value !== null || line.value === "lost"}
          title={line.value === "lost" ? t("lost.orders") : undefined}
          onClick={() => void order({ order: "release" })}
        >
          <Icon name="release" size={20} />
          {t("stop.release")}
        </button>
      )}
    </section>
  );
}

function Alerts() {
  const state = live.value;
  const stop = state?.orders.emergency_stop_reason ?? null;
  const alerts = (state?.alerts ?? []).filter((alert) => alert.message !== stop); // the banner above says it
  const notes = alerts.filter((alert) => alert.severity === "info");
  const grave = alerts.filter((alert) => alert.severity !== "info");
  return (
    <div data-testid="alerts" role="region" aria-label={t("alerts.label")} hidden={alerts.length === 0}>
      <ul class="alerts">
        {grave.map((alert) => (
          <AlertLine key={keyOf(alert)} alert={alert} />
        ))}
        {notes.length === 1 && <AlertLine key={keyOf(notes[0]!)} alert={notes[0]!} />}
        {notes.length > 1 && <Notes notes={notes} />}
      </ul>
    </div>
  );
}

const keyOf = (alert: Alert) => `${alert.kind} ${alert.since ?? ""} ${alert.message}`;

function Said({ alert }: { alert: Alert }) {
  const language = live.value?.language;
  return (
    <span class="banner-said quiet" lang={language}>
      {told(alert.message, language)}
    </span>
  );
}

function Since({ alert }: { alert: Alert }) {
  if (alert.since === null) return null;
  return (
    <span class="banner-since" title={clock(alert.since, true)}>
      {t("alerts.since", { time: moment(alert.since) })}
    </span>
  );
}

/** One alert; where there is little room, its title on one line, which a press opens. */
function AlertLine({ alert }: { alert: Alert }) {
  const icon = <Icon name={alert.severity === "info" ? "info" : "warning"} size={22} />;
  const title = (
    <>
      <span class="unseen">{t(`alerts.${alert.severity}`)}: </span>
      <strong>{named("cause", alert.kind)}</strong>
    </>
  );
  if (!isTight.value) {
    return (
      <li class={`banner ${alert.severity}`}>
        {icon}
        <div class="banner-text">
          {title}
          <Said alert={alert} />
        </div>
        <Since alert={alert} />
      </li>
    );
  }
  return (
    <li class={`banner folded ${alert.severity}`}>
      <details>
        <summary>
          {icon}
          <span class="banner-line">{title}</span>
          <Since alert={alert} />
        </summary>
        <Said alert={alert} />
      </details>
    </li>
  );
}

/** Several notes are one line until they are asked for. */
function Notes({ notes }: { notes: readonly Alert[] }) {
  return (
    <li class="banner folded info">
      <details>
        <summary>
          <Icon name="info" size={22} />
          <span class="banner-line">
            <strong>{t("alerts.notes", { n: notes.length })}</strong>
          </span>
        </summary>
        <ul class="banner-notes">
          {notes.map((alert) => (
            <li key={keyOf(alert)}>
              <strong>{named("cause", alert.kind)}</strong> <Since alert={alert} />
              <Said alert={alert} />
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}
