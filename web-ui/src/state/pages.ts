/** A list that the API gives page by page, newest first; what is new is put in front without losing what was loaded. */
import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get } from "../api/client";
import { loadNumber } from "./live";
import { sessionEnded } from "./session";

/** What is told on the stream is on the disk, where lists are read from, some seconds later. */
const KEPT_MS = 3_000;

type Query = Record<string, string | number | null | undefined>;

export interface Listed<T> {
  /** Null before the first answer. */
  items: readonly T[] | null;
  hasMore: boolean;
  problem: ApiError | null;
  loading: boolean;
  more(): void;
  reload(): void;
}

export interface PageOf<T> {
  items: T[];
  next: string | null;
}

interface State<T> {
  items: readonly T[] | null;
  next: string | null;
  problem: ApiError | null;
  loading: boolean;
}

/**
 * Load the first page of `path` now and when `query` changes; when a counter of `also` moves, what came since.
 *
 * `read` takes an answer apart; `keyOf` tells items apart.
 */
export function usePages<P, T>(
  path: string,
  query: Query,
  read: (page: P) => PageOf<T>,
  keyOf: (item: T) => string,
  also: readonly { value: unknown }[] = [],
): Listed<T> {
  const [state, setState] = useState<State<T>>({ items: null, next: null, problem: null, loading: true });
  const under = useRef<AbortController | null>(null);
  const key = JSON.stringify(query);

  const ask = (before: string | null, take: (page: PageOf<T>, state: State<T>) => Pick<State<T>, "items" | "next">) => {
    under.current?.abort();
    const mine = new AbortController();
    under.current = mine;
    setState((now) => ({ ...now, loading: true }));
    get<P>(path, { ...(JSON.parse(key) as Query), before }, mine.signal).then(
      (page) => setState((now) => ({ ...take(read(page), now), problem: null, loading: false })),
      (error: unknown) => {
        if (mine.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((now) => ({ ...now, problem: error, loading: false }));
        if (error.status === 401) void sessionEnded();
      },
    );
  };
  const fresh = () => ask(null, (page) => page);
  const newer = () => ask(null, (page, now) => joined(page, now, keyOf));

  useEffect(() => {
    let isFirst = true;
    let later: number | undefined;
    const end = effect(() => {
      for (const counter of [loadNumber, ...also]) void counter.value;
      window.clearTimeout(later);
      if (isFirst) fresh();
      else later = window.setTimeout(newer, KEPT_MS);
      isFirst = false;
    });
    return () => {
      end();
      window.clearTimeout(later);
      under.current?.abort();
    };
  }, [path, key]);

  const more = () => ask(state.next, (page, now) => ({ items: [...(now.items ?? []), ...page.items], next: page.next }));
  return { items: state.items, hasMore: state.next !== null, problem: state.problem, loading: state.loading, more, reload: fresh };
}

/** Put what is new in front; where the new page does not reach what is known, it takes its place. */
function joined<T>(page: PageOf<T>, now: State<T>, keyOf: (item: T) => string): Pick<State<T>, "items" | "next"> {
  const newest = now.items?.[0];
  if (now.items === null || newest === undefined) return page;
  const at = page.items.findIndex((item) => keyOf(item) === keyOf(newest));
  return at < 0 ? page : { items: [...page.items.slice(0, at), ...now.items], next: now.next };
}
