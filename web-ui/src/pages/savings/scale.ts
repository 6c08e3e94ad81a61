/** A scale for money: round steps, zero among them. */

export interface Scale {
  low: number;
  high: number;
  ticks: number[];
  decimals: number;
}

const STEPS = [1, 2, 2.5, 5, 10] as const;

/** Return a scale that holds zero and all `values`, with about `wanted` steps. */
export function scaleOf(values: readonly number[], wanted = 4): Scale {
  const most = Math.max(0, ...values);
  const least = Math.min(0, ...values);
  const span = Math.max(most - least, 0.05);
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((one) => one * power >= rough) ?? 10) * power;
  const [from, to] = [Math.floor(least / step + 1e-9), Math.ceil(most / step - 1e-9)];
  const ticks: number[] = [];
  for (let i = from; i <= Math.max(to, from + 1); i += 1) ticks.push(i * step);
  const decimals = Math.max(0, Math.min(2, Math.ceil(-Math.log10(step) + (step / power === 2.5 ? 1 : 0))));
  return { low: ticks[0] ?? 0, high: ticks.at(-1) ?? 1, ticks, decimals };
}
