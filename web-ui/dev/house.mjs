/** A made-up house in a made-up market, for working on the page without a service. None of its numbers mean anything. */

const QUARTER = 900;
const iso = (s) => new Date(s * 1000).toISOString().replace(/\.\d+Z$/, "Z");
/** HEMS_MOCK_AT lets the house live at another time, such as the night of a change of the clocks. */
const AHEAD_MS = process.env.HEMS_MOCK_AT === undefined ? 0 : Date.parse(process.env.HEMS_MOCK_AT) - Date.now();
const now = () => Math.floor((Date.now() + AHEAD_MS) / 1000);
const localHour = (s) => {
  const [h, m] = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Warsaw", hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
    .format(s * 1000)
    .split(":")
    .map(Number);
  return h + m / 60;
};
const bump = (h, at, width) => Math.exp(-(((h - at) / width) ** 2));
const sun = (h) => (h > 6 && h < 18 ? 4200 * Math.sin(((h - 6) / 12) * Math.PI) ** 2 : 0);
const load = (h) => 320 + 900 * bump(h, 7.5, 1.2) + 1500 * bump(h, 18.5, 2);
const market = (h) => 430 + 320 * bump(h, 8, 1.5) + 560 * bump(h, 18.5, 1.8) - 420 * bump(h, 13, 2.2) - 120 * bump(h, 3, 2);
const buying = (h) => market(h) / 1000 + 0.46;
const selling = (h) => market(h) / 1000;

/** Return the mode and power that a simple-minded owner would choose at a local hour. */
function chosen(h) {
  if (h >= 1 && h < 4) return ["charge", 3000];
  if (h >= 4 && h < 6.5) return ["hold", null];
  if (h >= 9 && h < 11) return ["no_charge", null];
  if (h >= 18 && h < 20) return ["discharge", 2500];
  return ["self_use", null];
}

export function plan() {
  const at = now();
  const first = at - (at % QUARTER);
  const names = "start duration_s mode power_w export_limit_w soc_pct battery_w grid_w load_w pv_w curtailed_w import_per_kwh export_per_kwh price_estimated cost stored_value_per_kwh reason";
  const slots = Object.fromEntries(names.split(" ").map((name) => [name, []]));
  let wh = 5200;
  for (let i = 0; i < 144; i += 1) {
    const start = i === 0 ? at : first + i * QUARTER;
    const duration = first + (i + 1) * QUARTER - start;
    const h = localHour(first + i * QUARTER);
    const [mode, power] = chosen(h);
    const net = load(h) - sun(h);
    let battery = mode === "charge" ? -power : mode === "discharge" ? power : mode === "hold" ? Math.min(0, net) : mode === "no_charge" ? Math.max(0, net) : net;
    battery = Math.max(-5000, Math.min(5000, battery));
    battery = battery < 0 ? Math.max(battery, ((wh - 10000) * 3600) / duration) : Math.min(battery, ((wh - 1500) * 3600) / duration);
    wh -= (battery * duration) / 3600;
    const grid = load(h) - sun(h) - battery;
    const cost = ((grid / 1000) * (grid > 0 ? buying(h) : selling(h)) * duration) / 3600;
    const row = [start, duration, mode, power, null, wh / 100, battery, grid, load(h), sun(h), 0, buying(h), selling(h), i > 100, cost, 0.82 - i / 900];
    row.push(`${mode.replace("_", " ")}: ${buying(h).toFixed(2)} PLN/kWh now, 1.42 after losses at 18:00`);
    names.split(" ").forEach((name, column) => slots[name].push(row[column]));
  }
  return {
    at: iso(at - 40),
    problem: null,
    currency: "PLN",
    start_soc_pct: 52,
    reserve_soc_pct: 15,
    capacity_wh: 10000,
    method: "exact",
    gap: 0.004,
    reasoning: {
      stored_value_per_kwh: 0.82,
      charge_below_per_kwh: 0.71,
      sell_above_per_kwh: 0.94,
      until: iso(first + 3600),
      use: { start: iso(first + 8 * 3600), end: iso(first + 11 * 3600), price_per_kwh: 1.42, is_sold: false },
      alternative: { mode: "self_use", power_w: null, costs_more: 0.31 },
      self_use_costs_more: 0.31,
      agreement: 0.86,
      inputs: [
        { name: "soc", source: "inverter", known_at: iso(at - 4), detail: "52 %" },
        { name: "prices", source: "market", known_at: iso(at - 9000), detail: "published until midnight" },
        { name: "load_forecast", source: "recent_days", known_at: iso(at - 600), detail: "" },
        { name: "pv_forecast", source: "open_meteo", known_at: iso(at - 2400), detail: "" },
      ],
    },
    slots,
    remarks: ["Tomorrow's prices are not published yet: from 00:00 they are estimated from similar days."],
  };
}

function forecast(of, spread) {
  const at = now();
  const first = at - (at % QUARTER);
  const start = Array.from({ length: 144 }, (_, i) => first + i * QUARTER);
  const column = (factor) => start.map((s) => of(localHour(s)) * factor);
  return { source: "recent_days", issued_at: iso(at - 600), known_at: iso(at - 600), start, p10_w: column(1 - spread), p30_w: column(1 - spread / 2), p50_w: column(1), p70_w: column(1 + spread / 2), p90_w: column(1 + spread), notes: [] };
}

export const forecasts = () => ({ load: forecast(load, 0.35), pv: forecast(sun, 0.3) });

export const house = { standing: [], strategy: "optimal", stop: null, alerts: true };

export const orders = () => ({
  standing: house.standing,
  strategy: house.strategy,
  configured_strategy: "optimal",
  emergency_stop: house.stop !== null,
  emergency_stop_since: house.stop?.since ?? null,
  emergency_stop_reason: house.stop?.reason ?? null,
});

/** Return what an order does here. */
export function ordered(request) {
  const until = request.until ?? request.by ?? null;
  const others = (kind) => house.standing.filter((one) => one.kind !== kind);
  if (request.order === "withdraw") house.standing = others(request.what);
  else if (request.order === "emergency_stop") house.stop = { since: iso(now()), reason: request.reason };
  else if (request.order === "release") house.stop = null;
  else {
    if (request.order === "strategy") house.strategy = request.name;
    house.standing = [...others(request.order), { kind: request.order, until, asked_at: iso(now()), by: "local", target_soc_pct: request.target_soc_pct ?? null, problem: null }];
  }
  return { message: `Done: ${request.order.replace("_", " ")}.`, decision: null, action: null, orders: orders() };
}

export function state(language) {
  const at = now();
  const h = localHour(at);
  const wave = 60 * Math.sin(at / 7);
  const pv = 2140 + 4 * wave;
  const use = 690 + wave;
  const battery = -1180 - 2 * wave;
  const mode = house.stop ? "self_use" : "charge";
  return {
    at: iso(at),
    poll_interval_s: 5,
    state: "charging",
    stop_reason: null,
    connection: { connected: true, model: "GW6000-ES-20", last_answer_at: iso(at), unanswered_polls: 0 },
    readings: {
      at: iso(at - 1), pv_w: pv, load_w: use, grid_w: use - pv - battery, battery_w: battery, battery_soc_pct: 64, battery_soh_pct: 99,
      battery_voltage_v: 52.6, battery_current_a: -20.9, battery_temperature_c: 23.5, grid_voltage_v: [231.2], grid_frequency_hz: 50.01,
      grid_connected: true, backup_load_w: 45, pv_string_w: [1200, 940], inverter_temperature_c: 34.1,
      quality: { pv: "good", battery: "good", grid: "good", load: "good" }, notes: [],
    },
    battery_capacity_wh: 10000,
    mode: {
      mode, power_w: mode === "charge" ? 1200 : null, target_soc_pct: mode === "charge" ? 90 : null, export_limit_w: null, expires_at: iso(at + 1100),
      since: iso(at - 2400), source: "optimal", certain: true, proof: "confirmed", proof_detail: "measured -1180 W at the battery",
    },
    decision: {
      at: iso(at - 300), mode, power_w: 1200, source: "optimal", confidence_pct: 86, verdict: "allowed", causes: [],
      reason: language === "pl"
        ? "Ładowanie mocą 1,2 kW do 15:30: energia kosztuje teraz 0,41 zł/kWh, a po odliczeniu strat będzie warta 1,12 zł/kWh od 17:00 do 20:00"
        : "Charging at 1.2 kW until 15:30: 0.41 PLN/kWh now, worth 1.12 after losses from 17:00 to 20:00",
    },
    next_decision_at: iso(at + 500),
    next_change: { at: iso(at + 5000), mode: "discharge", power_w: 2500 },
    price: { currency: "PLN", import_per_kwh: buying(h), export_per_kwh: selling(h), market_per_mwh: market(h), origin: h > 14 ? "similar_day" : "published" },
    today: { saved: 3.42, saved_basis: "58 of 58 quarters measured; published prices", cost: 2.1, pv_wh: 8400, load_wh: 5200, import_wh: 1100, export_wh: 3900 },
    orders: orders(),
    safety_clear: true,
    alerts: house.alerts ? [{ severity: "warning", kind: "prices_late", message: "Tomorrow's prices have not come yet; the next attempt is at 15:00.", since: iso(at - 4000) }] : [],
    time_zone: "Europe/Warsaw",
    language,
    version: "0.1.0",
    simulated: true,
  };
}

