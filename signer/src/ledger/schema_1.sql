-- Moments are milliseconds since 1970, digests and UUIDs are bytes. `seq` is the number of the audit record that was
-- written in the same transaction.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    previous BLOB NOT NULL,
    event TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoint (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    hash BLOB NOT NULL,
    key BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;

CREATE TABLE issuance (
    seq INTEGER PRIMARY KEY REFERENCES audit (seq),
    id BLOB NOT NULL UNIQUE,
    device TEXT NOT NULL,
    identifier TEXT NOT NULL,
    uuid TEXT NOT NULL,
    payload_uuids TEXT NOT NULL,
    plist BLOB NOT NULL,
    leaf BLOB NOT NULL,
    leaf_key BLOB NOT NULL,
    variant TEXT NOT NULL CHECK (variant IN ('locked', 'overwrite')),
    form TEXT CHECK (form IN ('empty', 'omitted')),
    of_issuance BLOB REFERENCES issuance (id),
    of_observation BLOB REFERENCES observation (id),
    spec TEXT,
    spec_digest BLOB,
    parameters BLOB,
    signed BLOB NOT NULL,
    caller TEXT NOT NULL,
    role TEXT NOT NULL,
    request TEXT,
    idempotency_key TEXT,
    at INTEGER NOT NULL,
    imported INTEGER NOT NULL,
    remarks TEXT NOT NULL,
    acknowledgement TEXT,
    acknowledged_at INTEGER,
    CHECK ((variant = 'overwrite') = (form IS NOT NULL)),
    CHECK ((variant = 'overwrite') = ((of_issuance IS NULL) <> (of_observation IS NULL)))
) STRICT;
CREATE INDEX issuance_device ON issuance (device, identifier);
CREATE INDEX issuance_overwrites ON issuance (caller, at) WHERE variant = 'overwrite';

CREATE TABLE observation (
    seq INTEGER PRIMARY KEY REFERENCES audit (seq),
    id BLOB NOT NULL UNIQUE,
    device TEXT NOT NULL,
    identifier TEXT NOT NULL,
    uuid TEXT NOT NULL,
    payload_uuids TEXT NOT NULL,
    plist BLOB NOT NULL,
    leaf BLOB NOT NULL,
    leaf_key BLOB NOT NULL,
    locked INTEGER NOT NULL,
    signed BLOB NOT NULL,
    caller TEXT NOT NULL,
    role TEXT NOT NULL,
    request TEXT,
    idempotency_key TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX observation_device ON observation (device, identifier);

-- The signed bytes of an issuance or observation: nonce, ciphertext and tag, under the key of that name.
CREATE TABLE sealed (
    seq INTEGER PRIMARY KEY REFERENCES audit (seq),
    key TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE evidence (
    seq INTEGER NOT NULL REFERENCES audit (seq),
    device TEXT NOT NULL,
    identifier TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('acknowledged', 'observed', 'listed', 'foreign', 'absent')),
    of_issuance BLOB REFERENCES issuance (id),
    of_observation BLOB REFERENCES observation (id),
    uuid TEXT,
    leaf BLOB,
    locked INTEGER,
    PRIMARY KEY (device, identifier, seq)
) STRICT, WITHOUT ROWID;

-- What the rule of `installed.rs` says of each device and identifier, kept for questions over the whole fleet.
CREATE TABLE holding (
    device TEXT NOT NULL,
    identifier TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (device, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX holding_state ON holding (state, device);

CREATE TABLE holding_leaf (
    leaf BLOB NOT NULL,
    device TEXT NOT NULL,
    identifier TEXT NOT NULL,
    PRIMARY KEY (leaf, device, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX holding_leaf_device ON holding_leaf (device, identifier);

-- The answers to requests that bore an idempotency key. They are kept as long as the ledger.
CREATE TABLE answer (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    seq INTEGER NOT NULL REFERENCES audit (seq),
    sealed_key TEXT,
    body BLOB,
    PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket (
    id BLOB PRIMARY KEY,
    seq INTEGER NOT NULL REFERENCES audit (seq),
    caller TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    approved_by TEXT,
    approved_at INTEGER
) STRICT;

CREATE TABLE ticket_device (
    ticket BLOB NOT NULL REFERENCES ticket (id),
    device TEXT NOT NULL,
    used_by BLOB REFERENCES issuance (id),
    PRIMARY KEY (ticket, device)
) STRICT, WITHOUT ROWID;
