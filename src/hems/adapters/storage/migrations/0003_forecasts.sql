-- What was expected and when it was issued: a look back sees what was known then, and nothing later.
CREATE TABLE forecasts (
    issued_us INTEGER NOT NULL,
    quantity TEXT NOT NULL,         -- load, pv
    start_us INTEGER NOT NULL,
    known_us INTEGER NOT NULL,      -- when its newest input was received or measured
    source TEXT NOT NULL,
    notes TEXT NOT NULL,            -- JSON list of texts
    levels TEXT NOT NULL,           -- JSON: for each quantile level the power of each quarter [W]
    PRIMARY KEY (quantity, issued_us)
);
CREATE INDEX forecasts_by_time ON forecasts (issued_us);
