/** What the power flow shows, from the readings: pure, in house signs (positive delivers to the house). */
import type { Quality, Readings } from "../../api/types";

/** Less than this is shown as rest: inverters measure some watts of nothing [W]. */
const REST_W = 15;

export type NodeName = "pv" | "battery" | "grid" | "house";

export interface NodeFlow {
  name: NodeName;
  /** The measured power [W]; null is unknown. */
  power_w: number | null;
  /** Towards the middle of the drawing: +1, away from it: -1, at rest or unknown: 0. */
  inward: -1 | 0 | 1;
  quality: Quality;
}

function direction(power_w: number | null, turn: 1 | -1): -1 | 0 | 1 {
  if (power_w === null || Math.abs(power_w) < REST_W) return 0;
  return power_w * turn > 0 ? 1 : -1;
}

/** Return the four flows; the house takes what the others deliver. */
export function flows(readings: Readings): Record<NodeName, NodeFlow> {
  const { quality } = readings;
  const node = (name: NodeName, power_w: number | null, of: Quality, turn: 1 | -1 = 1): NodeFlow => ({
    name,
    power_w,
    inward: direction(power_w, turn),
    quality: of,
  });
  return {
    pv: node("pv", readings.pv_w, quality.pv),
    battery: node("battery", readings.battery_w, quality.battery),
    grid: node("grid", readings.grid_w, quality.grid),
    house: node("house", readings.load_w, quality.load, -1),
  };
}

/** Return of what the house's power consists: the share of each that delivers now, in a fixed order; sums to 1, or empty. */
export function sources(all: Record<NodeName, NodeFlow>): { name: NodeName; share: number }[] {
  const delivering = (["pv", "battery", "grid"] as const).filter((name) => all[name].inward > 0);
  const total = delivering.reduce((sum, name) => sum + (all[name].power_w ?? 0), 0);
  if (all.house.inward === 0 || total <= 0) return [];
  return delivering.map((name) => ({ name, share: (all[name].power_w ?? 0) / total }));
}

/** Return how thick a line is drawn [units of the drawing], from nothing to about 10 kW. */
export function thickness(power_w: number | null): number {
  return 3 + 7 * Math.sqrt(Math.min(Math.abs(power_w ?? 0), 10_000) / 10_000);
}

/** Return how fast the light runs, as a multiple of its slowest. */
export function speed(power_w: number | null): number {
  return 1 + 4 * Math.sqrt(Math.min(Math.abs(power_w ?? 0), 10_000) / 10_000);
}
