CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    exchange TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (symbol, exchange, timeframe)
);

-- The columns of a chunk, see columns.py; apart from `chunks` so that lists need not touch them.
CREATE TABLE pieces (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);

-- `part` is the month since 1970-01 of intraday bars, the decade since year 0 of longer ones.
CREATE TABLE chunks (
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    part INTEGER NOT NULL,
    bars INTEGER NOT NULL,
    first_ts INTEGER NOT NULL,
    last_ts INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    digest BLOB NOT NULL,
    piece INTEGER NOT NULL REFERENCES pieces (id),
    PRIMARY KEY (series, part)
) WITHOUT ROWID;

CREATE TRIGGER chunk_gone AFTER DELETE ON chunks BEGIN
    DELETE FROM pieces WHERE id = old.piece;
END;

-- What was asked and answered: also which ranges are known to hold nothing.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    detail TEXT NOT NULL,
    first_day INTEGER NOT NULL,
    last_day INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    findings TEXT NOT NULL
);
CREATE INDEX requests_of_series ON requests (series);

CREATE TABLE instruments (
    symbol TEXT NOT NULL,
    exchange TEXT NOT NULL,
    kind TEXT NOT NULL,
    underlying TEXT NOT NULL,
    expiry INTEGER,
    listing TEXT NOT NULL,
    source TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (exchange, symbol)
) WITHOUT ROWID;
CREATE INDEX instruments_of_underlying ON instruments (underlying, expiry);

CREATE TABLE books (
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    stored_at INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (day, kind)
) WITHOUT ROWID;

-- The next free slot of everything that is rationed, ns UTC.
CREATE TABLE rations (
    key TEXT PRIMARY KEY,
    next_at INTEGER NOT NULL
) WITHOUT ROWID;
