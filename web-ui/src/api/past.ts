/** What the API says of the past, as in `src/hems/web/models/{history,savings}.py`; null is unknown, never zero. */
import type { DecisionSummary, EventView, Mode, Reasoning } from "./types";

export type Resolution = "reading" | "quarter_hour" | "hour" | "day" | "month";
export type Numbers = (number | null)[];

/** Columns of one length, a value per bucket. */
export interface HistoryColumns {
  /** Epoch seconds. */
  start: number[];
  coverage: Numbers;
  pv_w: Numbers;
  load_w: Numbers;
  grid_w: Numbers;
  battery_w: Numbers;
  /** At the end of the bucket. */
  soc_pct: Numbers;
  pv_wh: Numbers;
  load_wh: Numbers;
  import_wh: Numbers;
  export_wh: Numbers;
  charge_wh: Numbers;
  discharge_wh: Numbers;
  import_per_kwh: Numbers;
  export_per_kwh: Numbers;
  market_per_mwh: Numbers;
  price_estimated: (boolean | null)[];
  cost: Numbers;
  self_use_cost: Numbers;
  mode: (string | null)[];
}

export interface HistoryTotals {
  pv_wh: number | null;
  load_wh: number | null;
  import_wh: number | null;
  export_wh: number | null;
  charge_wh: number | null;
  discharge_wh: number | null;
  cost: number | null;
  self_use_cost: number | null;
  saved: number | null;
  self_sufficiency_pct: number | null;
  self_consumption_pct: number | null;
  coverage: number | null;
}

export interface HistoryView {
  start: string;
  end: string;
  resolution: Resolution;
  currency: string;
  first_at: string | null;
  columns: HistoryColumns;
  totals: HistoryTotals;
}

export interface DecisionPage {
  decisions: DecisionSummary[];
  next: string | null;
  /** Of all pages. */
  matching: number;
}

export interface ProposalView {
  source: string;
  mode: Mode;
  power_w: number | null;
  reason: string;
  confidence_pct: number;
}

export interface FactorView {
  name: string;
  value: number | null;
  unit: string;
  band: string;
  points: number | null;
  weight: number;
  contribution: number | null;
}

export interface DecisionDetail extends DecisionSummary {
  reasoning: Reasoning | null;
  factors: FactorView[];
  proposals: ProposalView[];
  shadows: ProposalView[];
}

export interface EventPage {
  events: EventView[];
  next: string | null;
  /** Of all pages. */
  matching: number;
}

export interface FigureView {
  value: number | null;
  unit: string;
  basis: string;
  reason: string | null;
}

export interface SavingsRow {
  /** The first local day of it: YYYY-MM-DD. */
  start: string;
  cost: number | null;
  self_use_cost: number | null;
  saved: number | null;
  score_saved: number | null;
  hindsight_saved: number | null;
  hindsight_pending: boolean;
  captured_pct: number | null;
  cycles: number | null;
  decision_accuracy_pct: number | null;
  uptime_pct: number | null;
  collection_rate_pct: number | null;
  efficiency_pct: number | null;
  pv_wh: number | null;
  load_wh: number | null;
  import_wh: number | null;
  export_wh: number | null;
  self_sufficiency_pct: number | null;
}

export type FigureName = "decision_accuracy" | "uptime" | "data_collection_rate" | "charging_efficiency" | "savings";

export interface SavingsView {
  start: string;
  end: string;
  currency: string;
  days: SavingsRow[];
  months: SavingsRow[];
  total: SavingsRow;
  figures: Record<FigureName, FigureView>;
}

export interface StrategyView {
  name: string;
  in_charge: boolean;
  mode: string | null;
  power_w: number | null;
  soc_pct: number | null;
  saved_today: number | null;
  saved_7_days: number | null;
  saved_30_days: number | null;
  saved_total: number | null;
  saved_over_idle_total: number | null;
  wear_total: number | null;
  cycles_per_day: number | null;
}

export interface StrategiesView {
  currency: string;
  since: string | null;
  quarters: number;
  gaps: number;
  strategies: StrategyView[];
}
