/** What was answered to the latest order, where it was asked; it is brought into view. */
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/shared";
import { told } from "../sentences";
import { answer } from "../state/orders";
import { live } from "../state/live";
import { isStill } from "../state/screen";
import { Icon } from "./icon";

export function OrderAnswerLine() {
  const said = answer.value;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (said === null) return;
    place.current?.focus({ preventScroll: true });
    place.current?.scrollIntoView({ block: "nearest", behavior: isStill.value ? "auto" : "smooth" });
  }, [said]);
  const language = live.value?.language;
  const look = said === null ? "" : !said.ok ? "failed" : said.followed ? "ok" : "unfollowed";
  return (
    <div class="answer-place" role="status" data-testid="order-answer" ref={place} tabIndex={-1}>
      {said !== null && (
        <div class={`answer ${look}`}>
          <Icon name={look === "ok" ? "check" : "warning"} size={20} />
          <div>
            {look === "unfollowed" && <strong>{t("answer.unfollowed")}</strong>}
            <p lang={language}>{told(said.text, language)}</p>
            {said.details.map((text) => (
              <p key={text} class="quiet" lang={language}>
                {told(text, language)}
              </p>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
