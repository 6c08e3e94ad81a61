/**
 * The stream of changes, kept open for as long as the page is: a lost one is tried again with back-off, for ever.
 *
 * The browser reconnects by itself, naming the last event it saw, as long as answers are a stream; an answer that is an
 * error (a log-in is needed, a proxy says the server is away) closes it for good, and this opens a new one.
 */

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

export interface StreamHandlers {
  opened(): void;
  lost(): void;
  /** The stream was refused; resolves to whether to try again. */
  refused(): Promise<boolean>;
  event(name: string, data: unknown): void;
  /** A line that went silent looks open for minutes: after so long without an event it is opened anew. */
  silenceMs(): number;
}

const EVENTS = ["state", "decision", "alert", "plan", "reset"];

/** Open the stream at `url`; returns what closes it. */
export function openStream(url: string, handlers: StreamHandlers): () => void {
  let source: EventSource | null = null;
  let wait = FIRST_WAIT_MS;
  let timer: number | undefined;
  let silence: number | undefined;
  let closed = false;

  const heard = () => {
    window.clearTimeout(silence);
    silence = window.setTimeout(() => again(true), handlers.silenceMs());
  };
  const again = (atOnce: boolean) => {
    source?.close();
    source = null;
    window.clearTimeout(silence);
    window.clearTimeout(timer);
    handlers.lost();
    timer = window.setTimeout(open, atOnce ? 0 : wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  };
  const failed = async () => {
    handlers.lost();
    if (source?.readyState !== EventSource.CLOSED) return; // the browser is trying again
    source = null;
    if ((await handlers.refused()) && !closed) again(false);
  };
  const open = () => {
    if (closed) return;
    source = new EventSource(url);
    source.onopen = () => {
      wait = FIRST_WAIT_MS;
      heard();
      handlers.opened();
    };
    source.onerror = () => void failed();
    for (const name of EVENTS) {
      source.addEventListener(name, (message) => {
        heard();
        handlers.event(name, JSON.parse((message as MessageEvent<string>).data));
      });
    }
  };
  const online = () => {
    if (source === null && !closed) {
      window.clearTimeout(timer);
      wait = FIRST_WAIT_MS;
      open();
    }
  };
  window.addEventListener("online", online);
  open();
  return () => {
    closed = true;
    window.removeEventListener("online", online);
    window.clearTimeout(timer);
    window.clearTimeout(silence);
    source?.close();
  };
}
