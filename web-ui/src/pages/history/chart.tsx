/** The course of a span: tracks with one cursor, the bucket under it in a panel, zoom by dragging or by keys. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { HistoryView } from "../../api/past";
import { ChartColumn } from "../../charts/column";
import { ModeStrip } from "../../charts/mode-strip";
import { LEFT_REM, RIGHT_REM, rem, type Shared } from "../../charts/track";
import { Card } from "../../components/card";
import { Notice } from "../../components/notice";
import { local, percent } from "../../format";
import { language } from "../../i18n";
import { serverNow } from "../../state/clock";
import { zone } from "../../state/live";
import { isNarrow } from "../../state/screen";
import { WELL_MEASURED, lastMeasured, modeRuns, padded, sharedTime } from "./columns";
import type { Span } from "./range";
import { bucketName, bucketTold, bucketValues } from "./told";
import { energyTracks, powerTracks } from "./tracks";
import { w } from "./words";
import { zoomOut, zoomTo } from "./zoom";

const cursor = signal<number | null>(null);
/** A drag over less than this is a click with a trembling hand [px]. */
const DRAG_LEAST_PX = 8;

export interface HistoryChartProps {
  view: HistoryView;
  span: Span;
  isLoading: boolean;
  aside: ComponentChildren;
}

export function HistoryChart({ view: told, span, isLoading, aside }: HistoryChartProps) {
  const view = useMemo(() => padded(told, span, serverNow.peek()), [told]);
  const words = language.value;
  const isSum = view.resolution === "day" || view.resolution === "month";
  const shared = useMemo(() => sharedTime(view, zone.value, serverNow.peek()), [view, zone.value]);
  const tracks = useMemo(() => (isSum ? energyTracks(view) : powerTracks(view)), [view, words]);
  const runs = useMemo(() => modeRuns(view.columns.mode), [view]);
  useEffect(() => {
    cursor.value = null;
  }, [view.resolution, view.columns.start.length]); // a span that moves on by a minute leaves it where it is
  const newest = useMemo(() => lastMeasured(view), [view]);
  if (newest === null) {
    return (
      <Card title={w("chart.title")} testid="history-chart" aside={aside}>
        <Notice>
          {w("chart.empty")} {view.first_at !== null && w("chart.kept-since", { time: local(view.first_at, { day: "numeric", month: "short", year: "numeric" }) })}
        </Notice>
      </Card>
    );
  }
  return (
    <div class={`history-course ${isLoading ? "is-loading" : ""}`} aria-busy={isLoading}>
      <Card title={w("chart.title")} testid="history-chart" aside={aside}>
        <Zoomable shared={shared}>
          <ChartColumn
            label={w(isSum ? "chart.label-energy" : "chart.label-power")}
            shared={shared}
            tracks={tracks}
            cursor={cursor}
            tell={(slot) => bucketTold(view, slot)}
            head={runs.length > 0 ? <ModeStrip x={shared.x} runs={runs} /> : undefined}
          />
        </Zoomable>
        <Foot view={view} isSum={isSum} isHatched={shared.hatched.length > 0} />
      </Card>
      <Tip view={view} slot={cursor.value} newest={newest} />
    </div>
  );
}

function Foot({ view, isSum, isHatched }: { view: HistoryView; isSum: boolean; isHatched: boolean }) {
  return (
    <p class="quiet plan-hint chart-foot">
      {isSum && <span>{w("chart.balance")}</span>}
      <span>{w("chart.resolution", { what: w(`resolution.${view.resolution}`) })}</span>
      {isHatched && <span class="hatch-key">{w("chart.hatched", { share: percent(100 * WELL_MEASURED) })}</span>}
      <span>{w("chart.hint")}</span>
    </p>
  );
}

function Tip({ view, slot, newest }: { view: HistoryView; slot: number | null; newest: number }) {
  if (isNarrow.value && slot === null) return null;
  const i = Math.min(slot ?? newest, view.columns.start.length - 1);
  const rows = bucketValues(view, i).filter(({ isExtra }) => !(isNarrow.value && isExtra));
  return (
    <Card title={bucketName(view, i)} class={isNarrow.value ? "tip-float" : "tip"} testid="history-tip">
      <dl class="rows">
        {rows.map(({ name, value, tone }) => (
          <div key={name} class={tone}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

interface Drag {
  from: number;
  to: number;
}

/** Lets a part be drawn out with a mouse or a pen (a finger moves the cursor and scrolls); + and - do it by keys. */
function Zoomable({ shared, children }: { shared: Shared; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<Drag | null>(null);
  const at = (event: PointerEvent) => event.clientX - (box.current?.getBoundingClientRect().left ?? 0);
  const timeAt = (left: number) => {
    const inner = (box.current?.clientWidth ?? 0) - (LEFT_REM + RIGHT_REM) * rem();
    const share = Math.min(1, Math.max(0, (left - LEFT_REM * rem()) / inner));
    const [first, last] = [shared.x[0] ?? 0, shared.x[shared.x.length - 1] ?? 0];
    return (first + share * (last - first)) * 1000;
  };
  const down = (event: PointerEvent) => {
    if (event.pointerType === "touch" || event.button !== 0) return;
    setDrag({ from: at(event), to: at(event) });
    box.current?.setPointerCapture(event.pointerId);
  };
  const up = () => {
    if (drag !== null && Math.abs(drag.to - drag.from) >= DRAG_LEAST_PX) {
      zoomTo(timeAt(Math.min(drag.from, drag.to)), timeAt(Math.max(drag.from, drag.to)));
    }
    setDrag(null);
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "-") zoomOut();
    if (event.key === "+" || event.key === "=") zoomAround(shared, cursor.value);
  };
  return (
    <div
      class="zoomable"
      ref={box}
      onPointerDown={down}
      onPointerMove={(event) => drag !== null && setDrag({ ...drag, to: at(event) })}
      onPointerUp={up}
      onPointerCancel={() => setDrag(null)}
      onDblClick={zoomOut}
      onKeyDown={key}
    >
      {children}
      {drag !== null && (
        <div
          class="zoom-part"
          aria-hidden="true"
          style={{ left: `${Math.min(drag.from, drag.to)}px`, width: `${Math.abs(drag.to - drag.from)}px` }}
        />
      )}
    </div>
  );
}

/** Zoom into a quarter of the span around the cursor; a day or a month becomes the span by itself. */
function zoomAround({ x }: Shared, slot: number | null): void {
  const [first, last] = [x[0] ?? 0, x[x.length - 1] ?? 0];
  const [from, to] = slot === null ? [(first + last) / 2, (first + last) / 2] : [x[slot] ?? first, x[slot + 1] ?? last];
  const half = Math.max((last - first) / 8, (to - from) / 2);
  const middle = (from + to) / 2;
  zoomTo(Math.max(first, middle - half) * 1000, Math.min(last, middle + half) * 1000);
}
