/** Something the API tells, loaded when a part of the page is shown and again whenever it may have changed. */
import { useEffect, useRef, useState } from "preact/hooks";
import { effect } from "@preact/signals";
import { ApiError, get } from "../api/client";
import { loadNumber } from "./live";
import { sessionEnded } from "./session";

export interface Resource<T> {
  /** The newest that was loaded; stays while something newer is loaded, or could not be. */
  data: T | null;
  problem: ApiError | null;
  loading: boolean;
  reload(): void;
}

type Query = Record<string, string | number | null | undefined>;

/**
 * Load `path` now, when `query` changes, when the line was lost and came back, and when a counter of `also` moves.
 *
 * `path` null loads nothing. A newer question ends an older one that is still under way.
 */
export function useResource<T>(path: string | null, query: Query = {}, also: readonly { value: number }[] = []): Resource<T> {
  const [state, setState] = useState<Omit<Resource<T>, "reload">>({ data: null, problem: null, loading: true });
  const load = useRef<() => void>(() => undefined);
  const key = JSON.stringify(query);
  useEffect(() => {
    if (path === null) return undefined;
    let under: AbortController | null = null;
    const run = () => {
      under?.abort();
      const mine = new AbortController();
      under = mine;
      setState((before) => ({ ...before, loading: true }));
      get<T>(path, JSON.parse(key) as Query, mine.signal).then(
        (data) => setState({ data, problem: null, loading: false }),
        (error: unknown) => {
          if (mine.signal.aborted) return;
          if (!(error instanceof ApiError)) throw error;
          setState((before) => ({ ...before, problem: error, loading: false }));
          if (error.status === 401) void sessionEnded();
        },
      );
    };
    load.current = run;
    const end = effect(() => {
      for (const counter of [loadNumber, ...also]) void counter.value;
      run();
    });
    return () => {
      end();
      under?.abort();
    };
  }, [path, key]);
  return { ...state, reload: () => load.current() };
}
