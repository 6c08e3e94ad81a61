/** One track of a chart: some quantities of one unit over the time that all tracks share, drawn by uPlot. */
import uPlot from "uplot";
import { clock, day, local } from "../format";
import { colour } from "../theme";
import { drawBars } from "./bars";
import { midnights, ticks } from "./ticks";

export type Column = (number | null)[];
export type Look = "step" | "line" | "area" | "step-area" | "band" | "bar";

export interface SeriesSpec {
  label: string;
  /** Name of a colour of the style sheet. */
  tone: string;
  look: Look;
  values: Column;
  /** The lower edge, of a band. */
  low?: Column;
  dash?: number[];
  width?: number;
}

export interface TrackSpec {
  key: string;
  title: string;
  unit: string;
  /** Height of the drawing, in rem. */
  height: number;
  series: SeriesSpec[];
  /** The ends of the scale; where not given, from the values, zero included. */
  range?: [number, number];
  /** How the scale is labelled. */
  label?: (value: number) => string;
  /** A level that is marked: a reserve, a limit. */
  line?: { at: number; tone: string };
  /** Whether what is only estimated is hatched here. */
  hatches?: boolean;
  /** What a hatched span says, where it is wide or tall enough for the words. */
  hatchWords?: string;
}

export interface Shared {
  /** Epoch seconds; a value at x[i] holds until x[i + 1] where the look is a step. */
  x: number[];
  zone: string;
  /** Spans that are hatched: what is only estimated. */
  hatched: readonly (readonly [number, number])[];
}

/** Left of the drawing, for the scale; right of it, for the last label [rem]. The same for all tracks: they stand in line. */
export const LEFT_REM = 3;
export const RIGHT_REM = 0.75;

/** Of a longer span midnights would be a fence, not a help. */
const MIDNIGHTS_MOST_S = 16 * 86_400;

export const rem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

/** Return a plot of `spec` in `place`, `width` wide; `isLast` has the labels of the time. */
export function makePlot(place: HTMLElement, spec: TrackSpec, shared: Shared, width: number, isLast: boolean): uPlot {
  const one = rem();
  const data: Column[] = [];
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const each of spec.series) {
    if (each.look === "band") {
      bands.push({ series: [series.length, series.length + 1], fill: faint(each.tone, 22) });
      for (const edge of [each.values, each.low ?? each.values]) {
        data.push(edge);
        series.push({ stroke: "transparent", width: 0, points: { show: false }, ...stepped() });
      }
    } else if (each.look === "bar") {
      data.push(each.values);
      series.push({ show: true, paths: () => null, points: { show: false } });
    } else {
      data.push(each.values);
      series.push(line(each));
    }
  }
  const options: uPlot.Options = {
    width,
    height: Math.round(spec.height * one) + (isLast ? Math.round(1.75 * one) : 0),
    padding: [Math.round(0.4 * one), Math.round(RIGHT_REM * one), isLast ? 0 : Math.round(0.4 * one), 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [shared.x[0] ?? 0, shared.x[shared.x.length - 1] ?? 1] },
      y: { range: spec.range ?? ((_plot, low, high) => ends(low, high)) },
    },
    axes: [timeAxis(shared, one, isLast), scaleAxis(spec, one)],
    series,
    bands,
    hooks: { drawClear: [(plot) => drawUnder(plot, spec, shared)], draw: [(plot) => drawBars(plot, spec, shared)] },
  };
  return new uPlot(options, [shared.x, ...data] as uPlot.AlignedData, place);
}

const stepped = () => ({ paths: uPlot.paths.stepped!({ align: 1 }) });
const faint = (tone: string, pct: number) => `color-mix(in srgb, ${colour(tone)} ${pct}%, transparent)`;

function line(spec: SeriesSpec): uPlot.Series {
  const isStep = spec.look === "step" || spec.look === "step-area";
  const isArea = spec.look === "area" || spec.look === "step-area";
  return {
    stroke: colour(spec.tone),
    width: spec.width ?? 2,
    points: { show: false },
    spanGaps: false,
    ...(spec.dash === undefined ? {} : { dash: spec.dash }),
    ...(isArea ? { fill: faint(spec.tone, 20), fillTo: 0 } : {}),
    ...(isStep ? stepped() : {}),
  };
}

/** The ends of a scale: zero is always on it, and there is air. */
function ends(low: number | null, high: number | null): [number, number] {
  const from = Math.min(0, low ?? 0);
  const to = Math.max(0, high ?? 0);
  const air = (to - from || 1) * 0.08;
  return [from < 0 ? from - air : 0, to + air];
}

function timeAxis(shared: Shared, one: number, isLast: boolean): uPlot.Axis {
  const found = (plot: uPlot) => {
    const { min = 0, max = 1 } = plot.scales["x"] ?? {};
    return ticks(min ?? 0, max ?? 1, shared.zone, plot.bbox.width / devicePixelRatio / (4.2 * one));
  };
  return {
    show: true,
    size: isLast ? Math.round(1.75 * one) : 0,
    font: `${Math.round(0.75 * one)}px system-ui, sans-serif`,
    stroke: colour("ink-3"),
    gap: Math.round(0.3 * one),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    splits: (plot) => found(plot).at,
    values: (plot, at) => (isLast ? at.map((each) => timeLabel(each, found(plot).tells, shared.zone)) : at.map(() => "")),
  };
}

function timeLabel(at: number, tells: "time" | "day" | "month", zone: string): string {
  const ms = at * 1000;
  if (tells === "month") return local(ms, { month: "short", year: "2-digit" });
  const isMidnight = midnights(at, at, zone).length > 0;
  return tells === "day" || isMidnight ? day(ms) : clock(ms);
}

function scaleAxis(spec: TrackSpec, one: number): uPlot.Axis {
  return {
    size: Math.round(LEFT_REM * one),
    space: Math.round(2 * one),
    font: `${Math.round(0.75 * one)}px system-ui, sans-serif`,
    stroke: colour("ink-3"),
    gap: Math.round(0.4 * one),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    values: (_plot, values) => values.map((value) => (spec.label ?? String)(value)),
  };
}

/** What lies under the lines: hatching where it is only estimated, midnights, zero, a marked level. */
function drawUnder(plot: uPlot, spec: TrackSpec, shared: Shared): void {
  const { ctx, bbox } = plot;
  const x = (at: number) => plot.valToPos(at, "x", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  if (spec.hatches) {
    for (const [from, to] of shared.hatched) {
      hatch(plot, x(from), x(to));
      if (spec.hatchWords !== undefined) writeOn(plot, spec.hatchWords, x(from), x(to));
    }
  }
  const first = shared.x[0] ?? 0;
  const last = shared.x[shared.x.length - 1] ?? 0;
  ctx.lineWidth = devicePixelRatio;
  ctx.strokeStyle = colour("ink-3");
  const nights = last - first < MIDNIGHTS_MOST_S ? midnights(first, last, shared.zone) : [];
  for (const at of nights) stroke(ctx, x(at), bbox.top, x(at), bbox.top + bbox.height);
  const { min = 0 } = plot.scales["y"] ?? {};
  if ((min ?? 0) < 0) {
    const zero = plot.valToPos(0, "y", true);
    stroke(ctx, bbox.left, zero, bbox.left + bbox.width, zero);
  }
  if (spec.line !== undefined) {
    const level = plot.valToPos(spec.line.at, "y", true);
    ctx.strokeStyle = colour(spec.line.tone);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    stroke(ctx, bbox.left, level, bbox.left + bbox.width, level);
  }
  ctx.restore();
}

function stroke(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

function hatch(plot: uPlot, from: number, to: number): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(from, bbox.top, to - from, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour("line-2");
  ctx.globalAlpha = 0.55;
  ctx.lineWidth = devicePixelRatio;
  const gap = 7 * devicePixelRatio;
  for (let at = Math.floor(from / gap) * gap - bbox.height; at < to; at += gap) {
    stroke(ctx, at, bbox.top + bbox.height, at + bbox.height, bbox.top);
  }
  ctx.restore();
}

/** Write words in the middle of a span: along it where there is room, else upwards, else not. */
function writeOn(plot: uPlot, words: string, from: number, to: number): void {
  const { ctx, bbox } = plot;
  const size = Math.round(0.75 * rem() * devicePixelRatio);
  ctx.save();
  ctx.font = `600 ${size}px system-ui, sans-serif`;
  const length = ctx.measureText(words).width + size;
  const isFlat = to - from >= length;
  if (isFlat || (to - from >= 1.8 * size && bbox.height >= length)) {
    ctx.translate((from + to) / 2, bbox.top + bbox.height / 2);
    if (!isFlat) ctx.rotate(-Math.PI / 2);
    ctx.fillStyle = colour("surface");
    ctx.fillRect(-length / 2, -0.8 * size, length, 1.6 * size);
    ctx.fillStyle = colour("ink-2");
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillText(words, 0, 0);
  }
  ctx.restore();
}
