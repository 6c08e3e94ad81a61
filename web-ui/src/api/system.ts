/** What the API says of the system, as in `src/hems/web/models/system.py`; null is unknown, never zero. */
import type { SystemState } from "./types";

export interface InverterView {
  family: string | null;
  model: string | null;
  serial_number: string | null;
  firmware: string | null;
  control: string | null;
  connected: boolean;
  last_answer_at: string | null;
  unanswered_polls: number;
  reconnections: number;
  last_error: string | null;
  polls: number;
  answered: number;
  answered_pct: number | null;
  clock_offset_s: number | null;
  writes_today: number;
  write_budget: number;
}

export interface InputAge {
  name: string;
  source: string | null;
  at: string | null;
  covers_until: string | null;
  stale: boolean;
  problem: string | null;
  next_attempt_at: string | null;
}

export interface SafetyLimit {
  name: string;
  value: number | null;
  low: number | null;
  high: number | null;
  unit: string;
  ok: boolean | null;
}

export interface HeldView {
  cause: string;
  detail: string;
  since: string;
  clear_for_s: number;
  release_after_s: number | null;
  releasable: boolean;
  grave: boolean;
}

export interface BoundsView {
  charge_max_w: number | null;
  discharge_max_w: number | null;
  forced_charge_max_w: number | null;
  forced_discharge_max_w: number | null;
  export_max_w: number | null;
}

export interface SafetyView {
  clear: boolean | null;
  emergency_stop: boolean;
  held: HeldView[];
  bounds: BoundsView | null;
  limits: SafetyLimit[];
}

export interface ResourcesView {
  pid: number;
  rss_mb: number | null;
  cpu_s: number;
  cpu_pct_of_one_core: number | null;
  open_files: number | null;
  database_mb: number;
  queued_records: number;
  dropped_records: number;
  storage_error: string | null;
  open_streams: number;
}

export interface SystemView {
  at: string;
  version: string;
  state: SystemState;
  started_at: string;
  uptime_s: number;
  inverter: InverterView;
  inputs: InputAge[];
  resources: ResourcesView;
}

export interface HealthView {
  status: "ok" | "degraded" | "failing";
  problems: string[];
}

export type Setting = string | number | boolean | null | Setting[] | { [name: string]: Setting };

export interface ConfigurationView {
  path: string;
  values: { [name: string]: Setting };
}

export type LogLevel = "debug" | "info" | "warning" | "error";

export interface LogLine {
  at: string;
  level: string;
  event: string;
  fields: { [name: string]: Setting };
}

export interface LogTail {
  lines: LogLine[];
}
