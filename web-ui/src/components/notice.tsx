/** What is said in place of, or beside, what cannot be shown. */
import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client";
import type { Severity } from "../api/types";
import { t } from "../i18n/shared";
import { Icon } from "./icon";

export function Notice({ severity = "info", children }: { severity?: Severity; children: ComponentChildren }) {
  return (
    <div class={`notice ${severity}`}>
      <Icon name={severity === "info" ? "info" : "warning"} size={20} />
      <div>{children}</div>
    </div>
  );
}

export function Loading() {
  return <p class="loading">{t("app.loading")}</p>;
}

/** Why something could not be loaded, and a way to try again. */
export function Failed({ problem, retry }: { problem: ApiError; retry: () => void }) {
  return (
    <Notice severity="warning">
      <p>{t("app.failed", { why: problem.message || t("app.no-answer") })}</p>
      <button type="button" class="button small" onClick={retry}>
        {t("app.again")}
      </button>
    </Notice>
  );
}
