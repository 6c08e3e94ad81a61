/**
 * A column of tracks over one time, with one cursor through all of them: by mouse, by touch, and by keyboard.
 *
 * To a screen reader it is a slider over the slots, whose value is told by `tell`. Offer a table beside it.
 */
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { isDark } from "../theme";
import { language } from "../i18n";
import { Legend } from "./legend";
import { LEFT_REM, RIGHT_REM, makePlot, rem, type Shared, type TrackSpec } from "./track";

export interface ColumnProps {
  label: string;
  shared: Shared;
  tracks: TrackSpec[];
  /** The slot under the cursor, counted from 0; null where there is none. Slot i is [x[i], x[i + 1]). */
  cursor: Signal<number | null>;
  /** What slot i holds, in words. */
  tell: (slot: number) => string;
  /** Above the tracks, in line with them. */
  head?: ComponentChildren;
  testid?: string;
}

export function ChartColumn({ label, shared, tracks, cursor, tell, head, testid }: ColumnProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const slots = shared.x.length - 1;
  const at = cursor.value;
  const move = (to: number) => {
    cursor.value = Math.max(0, Math.min(slots - 1, to));
  };
  const point = (event: PointerEvent) => {
    const slot = slotAt(event.clientX, box.current, shared.x);
    if (slot !== null) cursor.value = slot;
  };
  const leave = (event: PointerEvent) => {
    if (event.pointerType === "mouse" && document.activeElement !== box.current) cursor.value = null;
  };
  const key = (event: KeyboardEvent) => {
    const from = at ?? 0;
    const to = { ArrowRight: from + 1, ArrowUp: from + 1, ArrowLeft: from - 1, ArrowDown: from - 1, PageDown: from - 4, PageUp: from + 4, Home: 0, End: slots - 1 }[event.key];
    if (event.key === "Escape") cursor.value = null;
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };
  return (
    <div
      class="chart-column"
      ref={box}
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, slots - 1)}
      aria-valuenow={at ?? 0}
      aria-valuetext={slots > 0 ? tell(at ?? 0) : undefined}
      data-testid={testid}
      onPointerMove={point}
      onPointerDown={point}
      onPointerLeave={leave}
      onKeyDown={key}
      onBlur={() => (cursor.value = null)}
    >
      {head !== undefined && <div class="chart-head">{head}</div>}
      {tracks.map((track, i) => (
        <Track key={track.key} spec={track} shared={shared} width={width} isLast={i === tracks.length - 1} />
      ))}
      {at !== null && slots > 0 && width > 0 && <CursorBand x={shared.x} slot={at} />}
    </div>
  );
}

/** Return the slot under a point of the screen; null beside the drawing. */
function slotAt(clientX: number, box: HTMLElement | null, x: number[]): number | null {
  if (box === null || x.length < 2) return null;
  const { left, width } = box.getBoundingClientRect();
  const one = rem();
  const share = (clientX - left - LEFT_REM * one) / (width - (LEFT_REM + RIGHT_REM) * one);
  if (share < 0 || share >= 1) return null;
  const first = x[0]!;
  const time = first + share * (x[x.length - 1]! - first);
  let low = 0;
  let high = x.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= time) low = middle;
    else high = middle;
  }
  return low;
}

/** Return the left edge and the width of slots, as a share of all, for what stands in line with the tracks. */
export function placeOf(x: number[], from: number, to: number): { left: string; width: string } {
  const first = x[0] ?? 0;
  const span = (x[x.length - 1] ?? 1) - first || 1;
  return { left: `${((x[from]! - first) / span) * 100}%`, width: `${((x[to]! - x[from]!) / span) * 100}%` };
}

function CursorBand({ x, slot }: { x: number[]; slot: number }) {
  return (
    <div class="chart-inner" aria-hidden="true">
      <div class="cursor-band" style={placeOf(x, slot, slot + 1)} />
    </div>
  );
}

function useWidth(box: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  return width;
}

function Track({ spec, shared, width, isLast }: { spec: TrackSpec; shared: Shared; width: number; isLast: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  const dark = isDark.value;
  const words = language.value;
  useEffect(() => {
    if (place.current === null || width === 0 || shared.x.length < 2) return undefined;
    const plot: uPlot = makePlot(place.current, spec, shared, width, isLast);
    return () => plot.destroy();
  }, [spec, shared, width, isLast, dark, words]);
  const height = `${spec.height + (isLast ? 1.75 : 0)}rem`;
  return (
    <figure class="track">
      <figcaption>
        <strong>{spec.title}</strong> <span class="quiet">{spec.unit}</span>
        <Legend series={spec.series} />
      </figcaption>
      <div ref={place} style={{ height }} />
    </figure>
  );
}
