/** What was answered to the latest order, where it was asked. */
import { answer } from "../state/orders";
import { live } from "../state/live";
import { Icon } from "./icon";

export function OrderAnswerLine() {
  const said = answer.value;
  return (
    <div class="answer-place" role="status" data-testid="order-answer">
      {said !== null && (
        <div class={`answer ${said.ok ? "ok" : "failed"}`}>
          <Icon name={said.ok ? "check" : "warning"} size={20} />
          <div lang={live.value?.language}>
            <p>{said.text}</p>
            {said.details.map((text) => (
              <p key={text} class="quiet">
                {text}
              </p>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
