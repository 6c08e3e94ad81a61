/** What stands above every page: the emergency stop, and what needs a person's eye. */
import { clock, moment } from "../format";
import { named, t } from "../i18n/shared";
import { answer, order, pending } from "../state/orders";
import { live } from "../state/live";
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
          <span class="told" lang={live.value?.language}>
            {reason}
          </span>
        )}
        <span>{t("stop.text")}</span>
      </div>
      {mayControl.value && (
        <button
          type="button"
          class="button"
          data-testid="order-release"
          disabled={pending.value !== null}
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
  return (
    <div data-testid="alerts" role="region" aria-label={t("alerts.label")} hidden={alerts.length === 0}>
      <ul class="alerts">
        {alerts.map((alert) => (
          <li key={`${alert.kind} ${alert.since ?? ""} ${alert.message}`} class={`banner ${alert.severity}`}>
            <Icon name={alert.severity === "info" ? "info" : "warning"} size={22} />
            <div class="banner-text">
              <span class="unseen">{t(`alerts.${alert.severity}`)}: </span>
              <strong>{named("cause", alert.kind)}</strong>
              <span class="told quiet" lang={state?.language}>
                {alert.message}
              </span>
            </div>
            {alert.since !== null && (
              <span class="banner-since" title={clock(alert.since, true)}>
                {t("alerts.since", { time: moment(alert.since) })}
              </span>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
