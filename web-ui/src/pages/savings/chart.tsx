/** Savings by day or month: bars of what was saved, a mark for the score, an outline of the most possible. */
import { useState } from "preact/hooks";
import type { SavingsRow } from "../../api/past";
import { useWidth } from "../../components/use-width";
import { money, number, percent, symbol } from "../../format";
import { scaleOf, type Scale } from "./scale";
import { dayName, monthName, shortMonth } from "./told";
import { w } from "./words";

const HEIGHT = 260;
const PAD = { top: 12, right: 8, bottom: 28, left: 48 };
/** The narrowest a label of a day may stand [px]. */
const LABEL_PX = 26;

export interface SavingsChartProps {
  rows: readonly SavingsRow[];
  currency: string;
  isYear: boolean;
}

export function SavingsChart({ rows, currency, isYear }: SavingsChartProps) {
  const [box, width] = useWidth<HTMLDivElement>();
  const [picked, setPicked] = useState<number | null>(null);
  const index = picked === null ? null : Math.min(picked, rows.length - 1);
  const move = (event: KeyboardEvent) => {
    const to = moveOf(event.key, index, rows.length);
    if (to === undefined) return;
    event.preventDefault();
    setPicked(to);
  };
  const point = (event: PointerEvent) => {
    const left = event.clientX - (box.current?.getBoundingClientRect().left ?? 0);
    const at = Math.floor(((left - PAD.left) / (width - PAD.left - PAD.right)) * rows.length);
    setPicked(at >= 0 && at < rows.length ? at : null);
  };
  return (
    <>
      <Legend />
      <div
        ref={box}
        class="savings-plot"
        tabIndex={0}
        role="group"
        aria-label={w("chart.label")}
        onKeyDown={move}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={() => setPicked(null)}
      >
        {width > 0 && <Plot rows={rows} width={width} currency={currency} isYear={isYear} picked={index} />}
      </div>
      <p class="readout" aria-live="polite">
        {index === null || rows[index] === undefined ? (
          <span class="quiet">{w("chart.pick")}</span>
        ) : (
          <Readout row={rows[index]} currency={currency} isYear={isYear} />
        )}
      </p>
    </>
  );
}

/** Return which bar a key goes to; undefined where the key is not ours. */
function moveOf(key: string, from: number | null, count: number): number | null | undefined {
  if (key === "Escape") return null;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key === "ArrowRight") return Math.min(count - 1, (from ?? -1) + 1);
  if (key === "ArrowLeft") return Math.max(0, (from ?? count) - 1);
  return undefined;
}

function Legend() {
  return (
    <ul class="legend">
      <li>
        <span class="key key-saved" aria-hidden="true" />
        {w("chart.saved")}
      </li>
      <li>
        <span class="key key-loss" aria-hidden="true" />
        {w("chart.lost")}
      </li>
      <li>
        <span class="key key-score" aria-hidden="true" />
        {w("chart.score")}
      </li>
      <li>
        <span class="key key-hindsight" aria-hidden="true" />
        {w("chart.hindsight")}
      </li>
    </ul>
  );
}

function Readout({ row, currency, isYear }: { row: SavingsRow; currency: string; isYear: boolean }) {
  const parts = [
    `${w("chart.saved")} ${money(row.saved, currency, true)}`,
    `${w("chart.score")} ${money(row.score_saved, currency, true)}`,
    `${w("chart.hindsight")} ${row.hindsight_pending && row.hindsight_saved === null ? w("pending") : money(row.hindsight_saved, currency, true)}`,
    `${w("col.captured")} ${percent(row.captured_pct)}`,
  ];
  return (
    <>
      <strong>{isYear ? monthName(row.start) : dayName(row.start)}</strong>{" "}
      {parts.map((part) => (
        <span key={part} class="readout-part">
          {part}
        </span>
      ))}
    </>
  );
}

interface PlotProps extends SavingsChartProps {
  width: number;
  picked: number | null;
}

function Plot({ rows, width, currency, isYear, picked }: PlotProps) {
  const values = rows.flatMap((row) => [row.saved, row.score_saved, row.hindsight_saved]).filter((value) => value !== null);
  const scale = scaleOf(values);
  const inner = { width: width - PAD.left - PAD.right, height: HEIGHT - PAD.top - PAD.bottom };
  const slot = inner.width / Math.max(1, rows.length);
  const y = (value: number) => PAD.top + (inner.height * (scale.high - value)) / (scale.high - scale.low);
  const every = Math.max(1, Math.ceil(LABEL_PX / slot));
  return (
    <svg width={width} height={HEIGHT} aria-hidden="true">
      <Grid scale={scale} y={y} width={width} currency={currency} />
      {rows.map((row, index) => {
        const x = PAD.left + slot * index;
        return (
          <g key={row.start}>
            {index === picked && <rect class="picked" x={x} y={PAD.top} width={slot} height={inner.height} />}
            <Bars row={row} x={x} slot={slot} y={y} />
            {index % every === 0 && (
              <text class="axis-text" x={x + slot / 2} y={HEIGHT - 8} text-anchor="middle">
                {isYear ? shortMonth(row.start) : Number(row.start.slice(8))}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

function Grid({ scale, y, width, currency }: { scale: Scale; y: (value: number) => number; width: number; currency: string }) {
  return (
    <>
      {scale.ticks.map((tick) => (
        <g key={tick}>
          <line class={Math.abs(tick) < 1e-9 ? "zero-line" : "grid-line"} x1={PAD.left} x2={width - PAD.right} y1={y(tick)} y2={y(tick)} />
          <text class="axis-text" x={PAD.left - 8} y={y(tick) + 4} text-anchor="end">
            {number(tick, scale.decimals)}
          </text>
        </g>
      ))}
      <text class="axis-text" x={0} y={HEIGHT - 8}>
        {symbol(currency)}
      </text>
    </>
  );
}

function Bars({ row, x, slot, y }: { row: SavingsRow; x: number; slot: number; y: (value: number) => number }) {
  const middle = x + slot / 2;
  const bar = (value: number, share: number) => {
    const size = Math.max(2, Math.min(56, slot * share));
    return { x: middle - size / 2, width: size, y: Math.min(y(0), y(value)), height: Math.max(1, Math.abs(y(0) - y(value))) };
  };
  const mark = Math.max(3, Math.min(6, slot * 0.22));
  return (
    <>
      {row.saved !== null && <rect class={row.saved < 0 ? "bar-loss" : "bar-saved"} rx={1.5} {...bar(row.saved, 0.52)} />}
      {row.hindsight_saved !== null && <rect class="bar-hindsight" rx={2} {...bar(row.hindsight_saved, 0.76)} />}
      {row.score_saved !== null && (
        <path
          class="mark-score"
          d={`M${middle} ${y(row.score_saved) - mark}l${mark} ${mark}l${-mark} ${mark}l${-mark} ${-mark}z`}
        />
      )}
    </>
  );
}
