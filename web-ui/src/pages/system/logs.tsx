/** The newest lines of the log. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { LogLevel, LogLine, LogTail } from "../../api/system";
import { Card } from "../../components/card";
import { Choice } from "../../components/choice";
import { Failed, Loading } from "../../components/notice";
import { local } from "../../format";
import { every } from "../../state/every";
import { useResource } from "../../state/resource";
import { w } from "./words";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warning", "error"];
const LINES = 300;
const FOLLOW_S = 3;
const SAID_MS = 2500;

export function Logs() {
  const [level, setLevel] = useState<LogLevel>("info");
  const [follows, setFollows] = useState(true);
  const shown = useRef<readonly LogLine[]>([]);
  return (
    <Card title={w("logs.title")} class="wide" testid="system-logs">
      <div class="toolbar">
        <Choice
          label={w("logs.level")}
          options={LEVELS.map((value) => ({ value, text: w(`level.${value}`) }))}
          value={level}
          onChoose={setLevel}
        />
        <label class="check">
          <input type="checkbox" checked={follows} onChange={(event) => setFollows(event.currentTarget.checked)} />
          {w("logs.follow")}
        </label>
        <Copy text={() => shown.current.map(plain).join("\n")} />
      </div>
      <Tail key={level} level={level} follows={follows} shown={shown} />
    </Card>
  );
}

/** The lines of one level; where they are not followed, those that were there stay. */
function Tail({ level, follows, shown }: { level: LogLevel; follows: boolean; shown: { current: readonly LogLine[] } }) {
  const { data, problem, reload } = useResource<LogTail>("logs", { lines: LINES, level }, [every(FOLLOW_S)]);
  const kept = useRef<LogTail | null>(null);
  if (follows || kept.current === null) kept.current = data;
  shown.current = kept.current?.lines ?? [];
  return (
    <>
      {problem !== null && <Failed problem={problem} retry={reload} />}
      {data === null && problem === null && <Loading />}
      {data !== null && <Lines lines={shown.current} follows={follows} />}
    </>
  );
}

function Lines({ lines, follows }: { lines: readonly LogLine[]; follows: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const newest = lines.at(-1);
  useEffect(() => {
    if (follows && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [newest?.at, newest?.event, lines.length, follows]);
  return (
    <div class="log scroll" ref={box} tabIndex={0} role="group" aria-label={w("logs.title")}>
      {lines.length === 0 ? (
        <p class="quiet">{w("logs.empty")}</p>
      ) : (
        <ol>
          {lines.map((one, index) => (
            <li key={`${one.at} ${index}`} class={`log-line ${one.level}`}>
              <time dateTime={one.at}>{timeOf(one)}</time> <b>{one.level}</b> <span>{one.event}</span>{" "}
              <span class="log-fields">{fieldsOf(one)}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

function Copy({ text }: { text: () => string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    let word = w("logs.copied");
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      word = w("logs.not-copied"); // the clipboard is only there over https and on loopback
    }
    setSaid(word);
    window.setTimeout(() => setSaid(""), SAID_MS);
  };
  return (
    <>
      <button type="button" class="button small" onClick={() => void copy()}>
        {w("logs.copy")}
      </button>
      <span role="status" class="quiet">
        {said}
      </span>
    </>
  );
}

function timeOf(one: LogLine): string {
  if (Number.isNaN(Date.parse(one.at))) return one.at;
  return local(one.at, { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

/** What a library adds for coloured terminals says nothing here. */
const UNSAID = "color_message";

function fieldsOf(one: LogLine): string {
  return Object.entries(one.fields)
    .filter(([name]) => name !== UNSAID)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}

const plain = (one: LogLine) => [one.at, one.level, one.event, fieldsOf(one)].filter((part) => part !== "").join(" ");
