/** Who is looking: whether a log-in is needed, and what this reader may do. */
import { computed, signal } from "@preact/signals";
import { ApiError, get, send, useCsrfToken } from "../api/client";
import type { SessionView } from "../api/types";
import { serveLanguage } from "../i18n";
import { follow, live, loadState } from "./live";

export const session = signal<SessionView | null>(null);
/** Why the session could not be asked for, where that is so. */
export const startProblem = signal<ApiError | null>(null);

/** Whether nothing may be shown before a log-in, which may be impossible too. */
export const isStranger = computed(() => session.value !== null && session.value.caller === null);
export const mayControl = computed(() => session.value?.caller?.scopes.includes("control") ?? false);
export const mayLogOut = computed(() => session.value?.caller?.kind === "session");

let unfollow: (() => void) | null = null;

function take(view: SessionView): void {
  session.value = view;
  useCsrfToken(view.csrf_token);
  serveLanguage(view.language);
}

/** Ask who we are, and begin to follow the house where we may. */
export async function begin(): Promise<void> {
  try {
    take(await get<SessionView>("session"));
    if (!isStranger.value) {
      await loadState();
      unfollow ??= follow(mayFollow);
    }
    startProblem.value = null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    startProblem.value = error;
    window.setTimeout(() => void begin(), 5000);
  }
}

/** The stream was refused: find out whether a log-in is needed; where not, the server is away and will be back. */
async function mayFollow(): Promise<boolean> {
  try {
    take(await get<SessionView>("session"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return true;
  }
  if (isStranger.value) leave();
  return !isStranger.value;
}

function leave(): void {
  unfollow?.();
  unfollow = null;
  live.value = null;
}

/** Log in. Throws ApiError with words for the person. */
export async function logIn(password: string): Promise<void> {
  const answer = await send<SessionView | undefined>("POST", "session", { password });
  if (answer !== undefined) take(answer);
  await begin();
}

export async function logOut(): Promise<void> {
  await send<void>("DELETE", "session");
  leave();
  await begin();
}

/** Tell that an answer said 401: the session ended, and the log-in is shown. */
export async function sessionEnded(): Promise<void> {
  leave();
  await begin();
}
