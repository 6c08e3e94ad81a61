/** The log-in, where the service asks for one. */
import { useRef, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { t } from "../i18n/shared";
import { logIn, session } from "../state/session";
import { Icon } from "./icon";
import { Switches } from "./switches";

export function LogIn() {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      await logIn(field.current?.value ?? "");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.message || t("app.no-answer"));
      field.current?.select();
    } finally {
      setBusy(false);
    }
  };
  const reason = session.value?.reason ?? null;
  if (session.value?.log_in === "impossible") {
    return (
      <main class="log-in" id="content">
        <div class="card">
          <h1>{t("session.impossible")}</h1>
          <p data-testid="login-error">{reason}</p>
        </div>
      </main>
    );
  }
  return (
    <main class="log-in" id="content">
      <form class="card" onSubmit={(event) => void submit(event)}>
        <Icon name="bolt" size={36} />
        <h1>{t("session.title")}</h1>
        <input class="unseen" type="text" autocomplete="username" value="owner" readOnly tabIndex={-1} aria-hidden="true" />
        <label for="password">{t("session.password")}</label>
        <input
          ref={field}
          id="password"
          type="password"
          autocomplete="current-password"
          required
          aria-describedby="password-hint password-problem"
          data-testid="login-password"
        />
        <p id="password-hint" class="quiet">
          {t("session.hint")}
        </p>
        <p id="password-problem" class="field-problem" role="alert" data-testid="login-error">
          {problem}
        </p>
        <button type="submit" class="button primary" disabled={busy} data-testid="login-submit">
          {t("session.submit")}
        </button>
      </form>
      <div class="log-in-switches">
        <Switches />
      </div>
    </main>
  );
}
