"""The tables of a library in PostgreSQL: a schema of its own in whatever database the address names."""

from __future__ import annotations

from typing import Final

FORMAT: Final = 1

# Paths are bytes: names need not be UTF-8, and bytes are in the order in which SQLite has them.
# Of a text, `words` has its tokens for the index, `tokens` all of them in their order, |like||this|, for phrases.
# `orphans` are contents that lost a photo and may have none left; `outbox` what Milvus has not heard of yet.
# Rows are written as the embedded library writes them (devise.store.codec), 8,160 bytes of them beside their key.
# Work that is shared: `work` has the photos that are to be read, `leases` the contents that somebody encodes, with the
# id that they are to have; whoever's time in `workers` is over has lost both. All clocks are PostgreSQL's.
TABLES: Final = """
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE roots (path bytea PRIMARY KEY);
CREATE SEQUENCE content_ids AS bigint MAXVALUE 1099511627775;
CREATE TABLE contents (id bigint PRIMARY KEY DEFAULT nextval('content_ids'), hash bytea NOT NULL UNIQUE);
CREATE TABLE photos (
    path bytea PRIMARY KEY,
    content_id bigint NOT NULL REFERENCES contents (id),
    size bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    taken text COLLATE "C",
    pixels bigint,
    kind text COLLATE "C",
    stamp text,
    names text,
    captions text,
    tokens text,
    num_tokens integer,
    words tsvector
);
CREATE INDEX photos_content ON photos (content_id);
CREATE INDEX photos_words ON photos USING gin (words);
CREATE TABLE skipped (path bytea PRIMARY KEY, size bigint NOT NULL, mtime_ns bigint NOT NULL, reason text NOT NULL);
CREATE TABLE spaces (number smallint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text NOT NULL UNIQUE);
CREATE TABLE vectors (
    space smallint NOT NULL REFERENCES spaces (number),
    content_id bigint NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
    data bytea NOT NULL,
    PRIMARY KEY (space, content_id)
) WITH (toast_tuple_target = 8160);
ALTER TABLE vectors ALTER COLUMN data SET STORAGE MAIN;
CREATE INDEX vectors_content ON vectors (content_id);
CREATE TABLE marks (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, query text NOT NULL, hash bytea NOT NULL, path bytea NOT NULL,
    is_good boolean NOT NULL, marked text COLLATE "C" NOT NULL, batch bigint NOT NULL
);
CREATE TABLE orphans (content_id bigint PRIMARY KEY);
CREATE TABLE outbox (content_id bigint PRIMARY KEY);
CREATE TABLE workers (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, computer text NOT NULL, process integer NOT NULL,
    until timestamptz NOT NULL, done bigint NOT NULL DEFAULT 0, encoded bigint NOT NULL DEFAULT 0
);
CREATE TABLE work (path bytea PRIMARY KEY, worker bigint, after timestamptz NOT NULL DEFAULT '-infinity');
CREATE TABLE leases (
    hash bytea PRIMARY KEY, worker bigint NOT NULL, content_id bigint NOT NULL DEFAULT nextval('content_ids')
)
"""
