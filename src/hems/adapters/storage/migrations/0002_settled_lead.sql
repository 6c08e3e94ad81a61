-- What the real battery held more than the baseline's when the baseline took up the real SoC again [Wh].
ALTER TABLE energy ADD COLUMN settled_lead_wh REAL NOT NULL DEFAULT 0;
