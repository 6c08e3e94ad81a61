/** Safety limits with their present values on a scale, and the bounds in force. */
import type { BoundsView, SafetyLimit } from "../../api/system";
import { Card } from "../../components/card";
import { FactList } from "../../components/facts";
import { Icon } from "../../components/icon";
import { NONE, number, power } from "../../format";
import { w, wordOf } from "./words";

const NBSP = "\u00a0";
/** How much of the scale lies beyond a limit, on either side. */
const BEYOND = 0.12;

export function Limits({ limits }: { limits: readonly SafetyLimit[] }) {
  return (
    <Card title={w("limits.title")} class="wide" testid="system-limits">
      <p class="quiet">{limits.length > 0 ? w("limits.lead") : w("limits.none")}</p>
      <ul class="limits">
        {limits.map((limit) => (
          <Limit key={limit.name} limit={limit} />
        ))}
      </ul>
    </Card>
  );
}

function nameOf(limit: SafetyLimit): string {
  const phase = /^grid_voltage_l(\d)$/.exec(limit.name)?.[1];
  return phase === undefined ? wordOf("limit", limit.name) : w("limit.grid_voltage", { n: phase });
}

function told(limit: SafetyLimit, value: number | null): string {
  if (value === null) return NONE;
  if (limit.unit === "W") return power(value);
  return number(value, Math.abs(value) < 100 ? 1 : 0) + NBSP + limit.unit;
}

function rangeWords(limit: SafetyLimit): string {
  const [low, high] = [told(limit, limit.low), told(limit, limit.high)];
  if (limit.low === null) return limit.high === null ? "" : w("limits.most", { high });
  return limit.high === null ? w("limits.least", { low }) : w("limits.range", { low, high });
}

function Limit({ limit }: { limit: SafetyLimit }) {
  const state = limit.ok === null ? "unknown" : limit.ok ? "ok" : "bad";
  return (
    <li class={`limit ${state}`}>
      <span class="limit-name">{nameOf(limit)}</span>
      <span class="limit-value">
        {told(limit, limit.value)}{" "}
        <span class={`state-word ${state === "ok" ? "ok" : state === "bad" ? "error" : "warning"}`}>
          {state !== "ok" && <Icon name="warning" size={14} />}
          {w(`limits.${state}`)}
        </span>
      </span>
      <Bullet limit={limit} />
      <span class="quiet limit-range">{rangeWords(limit)}</span>
    </li>
  );
}

/** Return the ends of the scale: the limits and some room beyond; where one is missing, zero or a hundred percent. */
function ends(limit: SafetyLimit): [number, number] {
  const value = limit.value ?? 0;
  const low = limit.low ?? Math.min(0, limit.high ?? 0);
  const high = limit.high ?? (limit.unit === "%" ? 100 : Math.max(low + 1, value));
  const room = (high - low) * BEYOND;
  const isShare = limit.unit === "%";
  return [limit.low === null || isShare ? Math.min(low, 0) : low - room, limit.high === null ? high : high + room];
}

function Bullet({ limit }: { limit: SafetyLimit }) {
  const [from, to] = ends(limit);
  const at = (value: number) => 100 * Math.min(1, Math.max(0, (value - from) / (to - from)));
  const [left, right] = [limit.low === null ? 0 : at(limit.low), limit.high === null ? 100 : at(limit.high)];
  return (
    <svg class="bullet" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bullet-beyond" x="0" y="3" width="100" height="6" />
      <rect class="bullet-allowed" x={left} y="3" width={right - left} height="6" />
      {limit.low !== null && <rect class="bullet-limit" x={left - 0.25} y="1.5" width="0.5" height="9" />}
      {limit.high !== null && <rect class="bullet-limit" x={right - 0.25} y="1.5" width="0.5" height="9" />}
      {limit.value !== null && <rect class="bullet-value" x={at(limit.value) - 0.6} y="0" width="1.2" height="12" />}
    </svg>
  );
}

export function Bounds({ bounds }: { bounds: BoundsView | null }) {
  const told = (value_w: number | null) => (value_w === null ? w("bounds.none") : power(value_w));
  return (
    <Card title={w("bounds.title")} testid="system-bounds">
      <p class="quiet">{bounds === null ? w("bounds.unknown") : w("bounds.lead")}</p>
      {bounds !== null && (
        <FactList
          facts={[
            { name: w("bounds.charge"), value: told(bounds.charge_max_w) },
            { name: w("bounds.discharge"), value: told(bounds.discharge_max_w) },
            { name: w("bounds.forced_charge"), value: told(bounds.forced_charge_max_w) },
            { name: w("bounds.forced_discharge"), value: told(bounds.forced_discharge_max_w) },
            { name: w("bounds.export"), value: told(bounds.export_max_w) },
          ]}
        />
      )}
    </Card>
  );
}
