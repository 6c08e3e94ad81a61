-- Times are whole microseconds since 1970-01-01 UTC. Powers in W, energies in Wh, with the house's signs:
-- positive delivers to the house. NULL is unknown.

CREATE TABLE samples (
    at_us INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    mode TEXT NOT NULL,
    price_per_mwh REAL,
    complete INTEGER NOT NULL,      -- 1: PV, battery, SoC, grid and load were all known
    pv_w REAL,
    battery_w REAL,
    soc_pct REAL,
    soh_pct REAL,
    battery_v REAL,
    battery_a REAL,
    battery_c REAL,
    cell_min_c REAL,
    cell_max_c REAL,
    charge_limit_a REAL,
    discharge_limit_a REAL,
    grid_w REAL,
    grid_v1 REAL,
    grid_v2 REAL,
    grid_v3 REAL,
    grid_hz REAL,
    load_w REAL,
    backup_w REAL,
    inverter_state TEXT,
    inverter_c REAL,
    pv_count_wh REAL,
    import_count_wh REAL,
    export_count_wh REAL,
    load_count_wh REAL,
    charge_count_wh REAL,
    discharge_count_wh REAL,
    rest TEXT                       -- JSON of what is rarely there: alarms, flags, notes, doubtful qualities
);

CREATE TABLE cycles (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    trigger TEXT NOT NULL,
    mode TEXT NOT NULL,
    source TEXT NOT NULL,
    verdict TEXT NOT NULL,
    score REAL,
    confidence_pct REAL NOT NULL,
    price_per_mwh REAL,
    soc_pct REAL,
    result TEXT,
    reason TEXT NOT NULL,
    record TEXT NOT NULL            -- the whole CycleRecord as JSON
);
CREATE INDEX cycles_by_time ON cycles (at_us);

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (at_us);

CREATE TABLE energy (
    start_us INTEGER PRIMARY KEY,
    coverage REAL NOT NULL,
    pv_wh REAL NOT NULL,
    load_wh REAL NOT NULL,
    import_wh REAL NOT NULL,
    export_wh REAL NOT NULL,
    charge_wh REAL NOT NULL,
    discharge_wh REAL NOT NULL,
    soc_end_pct REAL,
    import_price_per_kwh REAL,
    export_price_per_kwh REAL,
    price_estimated INTEGER NOT NULL,
    cost REAL,
    baseline_import_wh REAL,
    baseline_export_wh REAL,
    baseline_soc_end_pct REAL,
    baseline_cost REAL,
    soc_start_pct REAL,
    baseline_soc_start_pct REAL,
    stored_value_per_kwh REAL,
    forced_share REAL NOT NULL,
    decision_gain REAL
);

CREATE TABLE prices (
    market TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    price_per_mwh REAL NOT NULL,
    currency TEXT NOT NULL,
    published_at_us INTEGER,
    source TEXT NOT NULL,
    PRIMARY KEY (market, start_us)
) WITHOUT ROWID;

CREATE TABLE state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL             -- JSON
) WITHOUT ROWID;
