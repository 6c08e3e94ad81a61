/** What happened in the span. */
import { computed } from "@preact/signals";
import type { EventPage } from "../../api/past";
import type { EventView } from "../../api/types";
import { Card } from "../../components/card";
import { Icon } from "../../components/icon";
import { Failed, Loading } from "../../components/notice";
import { moment } from "../../format";
import { named, t } from "../../i18n/shared";
import { lastEvent, live } from "../../state/live";
import { usePages } from "../../state/pages";
import { told } from "../../sentences";
import { w } from "./words";

const PAGE = 30;

/** Moves when something happens while we look. */
const happened = computed(() => `${lastEvent.value?.at ?? ""} ${lastEvent.value?.message ?? ""}`);

export function Events({ start, end }: { start: string; end: string }) {
  const list = usePages<EventPage, EventView>(
    "events",
    { start, end, limit: PAGE },
    (page) => ({ items: page.events, next: page.next }),
    (event) => `${event.at} ${event.kind} ${event.message}`,
    [happened],
  );
  return (
    <Card title={w("events.title")} class="events">
      {list.problem !== null && <Failed problem={list.problem} retry={list.reload} />}
      {list.items === null && list.problem === null && <Loading />}
      {list.items !== null && (
        <>
          {list.items.length === 0 && <p class="quiet">{w("events.none")}</p>}
          <ol class="event-list" data-testid="event-list">
            {list.items.map((event, index) => (
              <li key={`${event.at} ${event.kind} ${index}`} class={event.severity}>
                <Icon name={event.severity === "info" ? "info" : "warning"} size={18} />
                <div>
                  <span class="unseen">{t(`alerts.${event.severity}`)}: </span>
                  <span lang={live.value?.language}>{told(event.message, live.value?.language)}</span>
                  <span class="fact-note">
                    <time dateTime={event.at}>{moment(event.at)}</time> · {named("cause", event.kind)}
                  </span>
                </div>
              </li>
            ))}
          </ol>
          {list.hasMore && (
            <button type="button" class="button small" disabled={list.loading} onClick={list.more}>
              {w("events.older")}
            </button>
          )}
        </>
      )}
    </Card>
  );
}
