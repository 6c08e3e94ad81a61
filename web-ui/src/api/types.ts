/**
 * What the API says, as in `src/hems/web/models`: the same names, units in the names, positive delivers to the house.
 *
 * A moment is text in UTC; null is unknown, never zero.
 */

export type Mode = "self_use" | "charge" | "discharge" | "hold" | "no_charge" | "standby";
export type Quality = "good" | "suspect" | "missing";
export type Severity = "error" | "warning" | "info";
export type Verdict = "allowed" | "narrowed" | "refused";
export type PriceOrigin = "published" | "similar_day" | "typical_day";
export type StrategyName = "optimal" | "multi_factor" | "self_use";
export type StandingKind = "pause" | "hold" | "self_use" | "fast_charge" | "strategy";
export type SystemState = "starting" | "monitoring" | "charging" | "optimizing" | "error" | "stopped";
export type Language = "en" | "pl";
export type Trigger =
  | "start"
  | "schedule"
  | "new_prices"
  | "jump"
  | "person"
  | "safety_changed"
  | "lease_expired"
  | "verification_failed"
  | "test";

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
}

export interface SessionView {
  /** Of this reader: `impossible` where `reason` says what to do first. */
  log_in: "needed" | "not_needed" | "impossible";
  reason: string | null;
  /** Null for a stranger. */
  caller: { name: string; kind: "local" | "session" | "token"; scopes: ("read" | "control")[] } | null;
  csrf_token: string | null;
  expires_at: string | null;
  language: Language;
}

export interface Readings {
  at: string;
  pv_w: number | null;
  load_w: number | null;
  grid_w: number | null;
  battery_w: number | null;
  battery_soc_pct: number | null;
  battery_soh_pct: number | null;
  battery_voltage_v: number | null;
  battery_current_a: number | null;
  battery_temperature_c: number | null;
  grid_voltage_v: (number | null)[];
  grid_frequency_hz: number | null;
  grid_connected: boolean | null;
  backup_load_w: number | null;
  pv_string_w: (number | null)[];
  inverter_temperature_c: number | null;
  quality: { pv: Quality; battery: Quality; grid: Quality; load: Quality };
  notes: string[];
}

export interface ModeNow {
  mode: Mode;
  power_w: number | null;
  target_soc_pct: number | null;
  export_limit_w: number | null;
  expires_at: string | null;
  since: string | null;
  source: string | null;
  certain: boolean;
  proof: string | null;
  proof_detail: string | null;
}

export interface Change {
  at: string;
  mode: Mode;
  power_w: number | null;
}

export interface DecisionNow {
  at: string;
  mode: Mode;
  power_w: number | null;
  source: string;
  reason: string;
  confidence_pct: number;
  verdict: Verdict;
  causes: string[];
}

export interface PriceNow {
  currency: string;
  import_per_kwh: number | null;
  export_per_kwh: number | null;
  market_per_mwh: number | null;
  origin: PriceOrigin | null;
}

export interface Alert {
  severity: Severity;
  kind: string;
  message: string;
  since: string | null;
}

export interface StandingOrder {
  kind: StandingKind;
  until: string | null;
  asked_at: string | null;
  by: string | null;
  target_soc_pct: number | null;
  problem: string | null;
}

export interface OrdersView {
  standing: StandingOrder[];
  strategy: StrategyName;
  configured_strategy: StrategyName;
  emergency_stop: boolean;
  emergency_stop_since: string | null;
  emergency_stop_reason: string | null;
}

export interface LiveState {
  at: string;
  poll_interval_s: number;
  state: SystemState;
  stop_reason: string | null;
  connection: { connected: boolean; model: string | null; last_answer_at: string | null; unanswered_polls: number };
  readings: Readings | null;
  battery_capacity_wh: number | null;
  mode: ModeNow;
  decision: DecisionNow | null;
  next_decision_at: string | null;
  next_change: Change | null;
  price: PriceNow;
  today: {
    saved: number | null;
    saved_basis: string;
    cost: number | null;
    pv_wh?: number | null;
    load_wh?: number | null;
    import_wh?: number | null;
    export_wh?: number | null;
  };
  orders: OrdersView;
  safety_clear: boolean | null;
  alerts: Alert[];
  time_zone: string;
  language: Language;
  version: string;
  /** Whether this is a simulated house. */
  simulated?: boolean;
}

export type OrderRequest =
  | { order: "pause" | "hold" | "self_use"; until: string }
  | { order: "fast_charge"; target_soc_pct: number; by: string }
  | { order: "withdraw"; what: StandingKind }
  | { order: "strategy"; name: StrategyName }
  | { order: "emergency_stop"; reason: string }
  | { order: "release" };

export interface OrderAnswer {
  message: string;
  /** False: it was taken, but does not lead to what was asked: refused, or something else goes first. */
  followed?: boolean;
  decision: Omit<DecisionNow, "confidence_pct"> | null;
  action: { at: string; asked: string; result: string; detail: string | null; register_writes: number } | null;
  orders: OrdersView;
}

export interface Reasoning {
  stored_value_per_kwh: number;
  charge_below_per_kwh: number;
  sell_above_per_kwh: number;
  until: string;
  use: { start: string; end: string; price_per_kwh: number; is_sold: boolean } | null;
  alternative: { mode: Mode; power_w: number | null; costs_more: number | null } | null;
  self_use_costs_more: number | null;
  agreement: number;
  inputs: { name: string; source: string; known_at: string | null; detail: string }[];
}

export interface PlanColumns {
  start: number[];
  duration_s: number[];
  mode: Mode[];
  power_w: (number | null)[];
  export_limit_w: (number | null)[];
  soc_pct: number[];
  battery_w: number[];
  grid_w: number[];
  load_w: number[];
  pv_w: number[];
  curtailed_w: number[];
  import_per_kwh: number[];
  export_per_kwh: number[];
  price_estimated: boolean[];
  cost: number[];
  stored_value_per_kwh: number[];
  reason: string[];
}

export interface PlanView {
  at: string | null;
  problem: string | null;
  currency: string;
  start_soc_pct: number | null;
  reserve_soc_pct: number | null;
  capacity_wh: number | null;
  method: string | null;
  gap: number | null;
  /** What it is expected to save over plain self-use, in money. */
  saves?: number | null;
  reasoning: Reasoning | null;
  slots: PlanColumns | null;
  remarks: string[];
}

export interface PricesView {
  currency: string;
  source: string;
  published_until: string | null;
  slots: {
    start: number[];
    market_per_mwh: (number | null)[];
    origin: PriceOrigin[];
    import_per_kwh: (number | null)[];
    export_per_kwh: (number | null)[];
    export_estimated: (boolean | null)[];
  };
  import_parts_now: { name: string; per_kwh: number; kind: string }[];
  export_parts_now: { name: string; per_kwh: number; kind: string }[];
  remarks: string[];
}

export interface ForecastColumns {
  source: string;
  issued_at: string;
  known_at: string;
  start: number[];
  p10_w: number[];
  p30_w: number[];
  p50_w: number[];
  p70_w: number[];
  p90_w: number[];
  notes: string[];
}

export interface ForecastsView {
  load: ForecastColumns | null;
  pv: ForecastColumns | null;
}

export interface DecisionSummary {
  at: string;
  trigger: Trigger;
  mode: Mode;
  power_w: number | null;
  target_soc_pct: number | null;
  export_limit_w: number | null;
  source: string;
  reason: string;
  confidence_pct: number;
  verdict: Verdict;
  causes: string[];
  soc_pct: number | null;
  market_per_mwh: number | null;
  import_per_kwh: number | null;
  score_total: number | null;
  result: string | null;
}

export interface EventView {
  at: string;
  kind: string;
  severity: Severity;
  message: string;
}
