/** The bar at the top: name, pages (on wide screens), the line, the time, language and appearance. */
import { t } from "../i18n/shared";
import { clock, duration } from "../format";
import { isStale, line, live, lostAt, readingsAge } from "../state/live";
import { logOut, mayLogOut } from "../state/session";
import { serverNow } from "../state/clock";
import { Icon } from "./icon";
import { Navigation } from "./navigation";
import { Switches } from "./switches";

export function TopBar() {
  return (
    <header class="bar">
      <a class="brand" href="#/now" aria-label={t("app.name")}>
        <Icon name="bolt" size={22} />
        <span>{t("app.name")}</span>
      </a>
      <Navigation place="top" />
      <div class="top-end">
        {live.value?.simulated === true && <span class="tag simulated" data-testid="simulated">{t("top.simulated")}</span>}
        <LineState />
        {live.value !== null && (
          <time class="top-clock" title={live.value.time_zone}>
            {clock(serverNow.value)}
          </time>
        )}
        <Switches />
        {mayLogOut.value && (
          <button type="button" class="icon-button" title={t("session.log-out")} data-testid="log-out" onClick={() => void logOut()}>
            <Icon name="leave" size={20} />
            <span class="unseen">{t("session.log-out")}</span>
          </button>
        )}
      </div>
    </header>
  );
}

/** How the line to the service and to the inverter is; said in words, and only then by a colour. */
function LineState() {
  const { kind, text } = lineState();
  return (
    <span class={`line-state ${kind}`} data-testid="connection" data-state={kind}>
      <span class="dot" aria-hidden="true" />
      <span class="line-text">{text}</span>
    </span>
  );
}

function lineState(): { kind: "live" | "connecting" | "lost" | "stale"; text: string } {
  if (line.value === "lost") return { kind: "lost", text: t("connection.lost", { time: clock(lostAt.value) }) };
  const state = live.value;
  if (line.value === "connecting" || state === null) return { kind: "connecting", text: t("connection.connecting") };
  if (!state.connection.connected)
    return { kind: "stale", text: t("connection.inverter", { time: clock(state.connection.last_answer_at) }) };
  if (isStale.value) return { kind: "stale", text: t("connection.stale", { age: duration(readingsAge.value ?? 0) }) };
  return { kind: "live", text: t("connection.live") };
}
