/** Asks the API, and tells its errors in words for people. Addresses are relative: the page may lie under a sub-path. */
import type { Problem } from "./types";

const BASE = "api/v1/";
const TIMEOUT_MS = 30_000;

/** An answer that is an error; `message` is for people. `status` is 0 where no answer came. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

let csrfToken: string | null = null;

/** Remember what unsafe requests have to carry. */
export function useCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Return the address of a resource of the API. */
export function address(path: string, query: Record<string, string | number | null | undefined> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return BASE + path + (text === "" ? "" : `?${text}`);
}

async function problemOf(response: Response): Promise<ApiError> {
  const after = Number(response.headers.get("Retry-After") ?? Number.NaN);
  let detail = `${response.status} ${response.statusText}`;
  if (response.headers.get("Content-Type")?.includes("json")) {
    const problem = (await response.json()) as Partial<Problem>;
    if (typeof problem.detail === "string" && problem.detail !== "") detail = problem.detail;
  }
  return new ApiError(response.status, detail, Number.isFinite(after) ? after : null);
}

async function request<T>(method: string, path: string, body: unknown, signal: AbortSignal | null): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") {
    headers["Content-Type"] = "application/json";
    if (csrfToken !== null) headers["X-CSRF-Token"] = csrfToken;
  }
  const limit = new AbortController();
  const timer = window.setTimeout(() => limit.abort(), TIMEOUT_MS);
  signal?.addEventListener("abort", () => limit.abort(), { once: true });
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: limit.signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "");
  } finally {
    window.clearTimeout(timer);
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

/** Return what a resource says. Throws ApiError; an AbortError where `signal` ended it. */
export function get<T>(
  path: string,
  query: Record<string, string | number | null | undefined> = {},
  signal: AbortSignal | null = null,
): Promise<T> {
  return request<T>("GET", address(path, query), undefined, signal);
}

/** Send a question that changes something, and return its answer. Throws ApiError. */
export function send<T>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  return request<T>(method, address(path), body, null);
}
