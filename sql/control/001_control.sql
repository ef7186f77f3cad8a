-- The control schema, version 1: what Acequia must remember in a target database.
-- Run in one transaction by `acequia setup`, or by a DBA from `acequia setup --print-sql`.

CREATE TABLE acequia.migration (
  version    integer PRIMARY KEY,
  name       text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- How far each flow has come. Moved in the same transaction as the data: what stands here is in the customers, all of it, once.
CREATE TABLE acequia.checkpoint (
  flow              text PRIMARY KEY,
  system_identifier text NOT NULL,               -- of the source cluster: another cluster's positions mean nothing here
  timeline          integer,                     -- of the source cluster; after a failover it is another one
  timeline_from     pg_lsn,                      -- where that began: two restores can give two of them one number
  lost              text,                        -- what is wrong with the position where no slot shows it: said until a resync
  source_database   text NOT NULL,
  slot              text NOT NULL,
  state             text NOT NULL CHECK (state IN ('creating', 'live', 'resting')),   -- resting: all its groups are disabled
  lsn               pg_lsn NOT NULL,
  commit_time       timestamptz,                 -- of the last applied source transaction
  source_shape      text,                        -- fingerprints of the tables' definitions ...
  target_shape      text,
  publication       text,                        -- which publication, and which version of its switches
  shape_at          timestamptz,                 -- ... when the flow was prepared last
  updated_at        timestamptz NOT NULL DEFAULT now()
);

-- Which route wrote what: the journal and the counts point here. A route whose columns change gets a new row.
CREATE TABLE acequia.route (
  id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  flow          text NOT NULL,
  sync          text NOT NULL,
  from_customer text NOT NULL,
  to_customer   text NOT NULL,
  dataset       text NOT NULL,
  key_columns   text[] NOT NULL,                 -- of the customer's primary key
  image_columns text[] NOT NULL,                 -- of a journal image, in order
  columns_md5   text NOT NULL,                   -- of both: 1,600 names find no room in an index
  created_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (flow, sync, from_customer, to_customer, dataset, columns_md5)
);

CREATE TABLE acequia.route_count (
  route      integer PRIMARY KEY REFERENCES acequia.route,
  created    bigint NOT NULL DEFAULT 0,
  updated    bigint NOT NULL DEFAULT 0,
  deleted    bigint NOT NULL DEFAULT 0,
  skipped    bigint NOT NULL DEFAULT 0,          -- was there already, was equal, or was ignored by the rule
  parked     bigint NOT NULL DEFAULT 0,          -- how often a row was set aside
  last_at    timestamptz NOT NULL DEFAULT now()
);

-- When each route got what: a row for each minute in which a target transaction wrote something for it. No row value.
CREATE TABLE acequia.applied (
  route       integer NOT NULL REFERENCES acequia.route,
  minute      timestamptz NOT NULL,              -- by the target's clock, when it was committed
  created     bigint NOT NULL,                   -- the same counts as above, of this minute
  updated     bigint NOT NULL,
  deleted     bigint NOT NULL,
  skipped     bigint NOT NULL,
  parked      bigint NOT NULL,
  from_lsn    pg_lsn NOT NULL,                   -- where the first source transaction among them ends (of a copy: where the flow was)
  to_lsn      pg_lsn NOT NULL,                   -- ... and the last; what was parked comes later, in a row of its minute
  commit_time timestamptz,                       -- of the last one at the source; NULL: all of it had waited or was copied
  PRIMARY KEY (route, minute)
) WITH (fillfactor = 70);                        -- a busy minute's row is written over and over: on its own page
CREATE INDEX applied_minute ON acequia.applied (minute);

-- The crosswalk: source row <-> the customer's row. One narrow table for each source customer, data set and customer
-- (acequia.x_<id>: s... the source's identity, r... what children refer to, t... the customer's primary key); this is their list.
CREATE TABLE acequia.crosswalk (
  id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_customer text NOT NULL,
  to_customer   text NOT NULL,
  dataset       text NOT NULL,
  shape         text NOT NULL,                   -- its columns, as in CREATE TABLE
  created_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (from_customer, to_customer, dataset)
);

-- Every row that is not yet in a customer, with the reason. Holds row values: readable by the owner only.
CREATE TABLE acequia.parked (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  flow          text NOT NULL,
  sync          text NOT NULL,
  from_customer text NOT NULL,
  to_customer   text NOT NULL,
  dataset       text NOT NULL,
  key           text NOT NULL,                   -- the source row's identity, a JSON array
  op            text NOT NULL CHECK (op IN ('upsert', 'delete', 'replace')),   -- replace: delete, then a new row of that identity
  payload       json NOT NULL,                   -- the newest state of the source row
  unchanged     text[] NOT NULL DEFAULT '{}',    -- columns whose value the stream did not bring
  moved_from    text,                            -- the identity under which a customer without a crosswalk still has the row
  reason        text NOT NULL CHECK (reason IN ('missing_parent', 'rejected', 'ambiguous', 'taken', 'unmatched', 'mismatch',
                                                'paused', 'locked', 'broken', 'scheduled', 'backfill')),
  waits_for     text,                            -- missing_parent: the parent's data set ...
  waits_key     text,                            -- ... and the value that refers to it, a JSON array
  sqlstate      text,                            -- rejected: what the server said ...
  object        text,                            -- ... and the constraint, column or type it named
  first_lsn     pg_lsn NOT NULL,
  last_lsn      pg_lsn NOT NULL,
  first_at      timestamptz NOT NULL DEFAULT now(),
  last_at       timestamptz NOT NULL DEFAULT now(),
  tries         integer NOT NULL DEFAULT 1,
  next_try_at   timestamptz NOT NULL,
  generation    bigint NOT NULL,                 -- which writing touched it last
  UNIQUE (from_customer, to_customer, dataset, key)
);
CREATE INDEX parked_waiting ON acequia.parked (from_customer, waits_for, waits_key) WHERE reason = 'missing_parent';
CREATE INDEX parked_due ON acequia.parked (flow, next_try_at);
CREATE INDEX parked_moved ON acequia.parked (to_customer, moved_from) WHERE moved_from IS NOT NULL;
CREATE INDEX parked_held ON acequia.parked (to_customer, first_lsn, id) WHERE reason IN ('paused', 'locked', 'broken', 'scheduled', 'backfill');

-- Who is held: everything for a customer, or for one data set of it, waits in "parked" until the hold goes. A row here outlives
-- the daemon, so that the order of a row's states does.
CREATE TABLE acequia.hold (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  flow        text NOT NULL,
  sync        text,                              -- NULL: whatever group writes it
  to_customer text,                              -- NULL: every customer of the flow
  dataset     text,                              -- NULL: every data set
  reason      text NOT NULL CHECK (reason IN ('paused', 'locked', 'broken', 'scheduled', 'backfill', 'overflow')),
  what        text,                              -- names and words only, never a value
  sqlstate    text,
  since       timestamptz NOT NULL DEFAULT now(),
  tries       integer NOT NULL DEFAULT 0,
  next_try_at timestamptz,                       -- NULL: not before somebody says so
  who         text NOT NULL DEFAULT session_user
);
CREATE UNIQUE INDEX hold_of ON acequia.hold (flow, coalesce(sync, ''), coalesce(to_customer, ''), coalesce(dataset, ''), reason);

-- What operators ask the daemon to do; done in a transaction of the writer, and gone with it.
CREATE TABLE acequia.wish (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          timestamptz NOT NULL DEFAULT now(),
  who         text NOT NULL DEFAULT session_user,
  flow        text NOT NULL,
  what        text NOT NULL CHECK (what IN ('pause', 'resume', 'apply', 'from_now', 'backfill', 'resync')),
  sync        text,
  to_customer text,
  dataset     text
);

-- Every route that has begun, and what is copied for it: rows that were there before. Meanwhile the stream's rows for it wait
-- under a hold ('backfill').
CREATE TABLE acequia.backfill (
  flow          text NOT NULL,
  sync          text NOT NULL,
  from_customer text NOT NULL,
  to_customer   text NOT NULL,
  dataset       text NOT NULL,
  state         text NOT NULL CHECK (state IN ('live', 'unconfirmed', 'comparing', 'copying', 'replaying')),
  resync        boolean NOT NULL DEFAULT false,  -- links of source rows that are gone are looked for first
  cursor        text,                            -- the last row that was looked at, its identity as a JSON array; NULL: none yet
  passed        pg_lsn,                          -- what waits may be written once the stream has come so far
  horizon       text,                            -- source transactions from here on (xid8) come by the stream too
  rows          bigint NOT NULL DEFAULT 0,       -- copied so far ...
  estimate      bigint,                          -- ... of about so many
  who           text NOT NULL DEFAULT session_user,
  began_at      timestamptz NOT NULL DEFAULT now(),
  copied_from   timestamptz,                     -- the first chunk
  ended_at      timestamptz,
  PRIMARY KEY (flow, from_customer, to_customer, dataset)
);

-- Single rows that the writer is to bring up to date from the source, by identity (a JSON array).
CREATE TABLE acequia.repair (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  flow          text NOT NULL,
  from_customer text NOT NULL,
  to_customer   text NOT NULL,
  dataset       text NOT NULL,
  key           text NOT NULL,
  seen          text,                            -- the row's version (xmin) when it was looked at; '': there was none
  passed        pg_lsn,                          -- ... and the position then: unchanged after that, it is written
  who           text NOT NULL DEFAULT session_user,
  at            timestamptz NOT NULL DEFAULT now()
);

-- Events to tell, written with the data and delivered after: counts, and keys where the table is not protected.
CREATE TABLE acequia.outbox (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  flow    text NOT NULL,
  at      timestamptz NOT NULL DEFAULT now(),
  channel text NOT NULL,
  event   json NOT NULL
);

-- The source's tables as the flow last saw them: a renamed one keeps its OID.
CREATE TABLE acequia.source_table (
  flow          text NOT NULL,
  from_customer text NOT NULL,
  dataset       text NOT NULL,
  relation      oid NOT NULL,                    -- pg_class.oid
  member        oid,                             -- pg_publication_rel.oid: taken out and put back it is another one
  PRIMARY KEY (flow, from_customer, dataset)
);

-- Their columns, gone ones too: a column dropped and added again under its name has another number.
CREATE TABLE acequia.source_column (
  flow          text NOT NULL,
  from_customer text NOT NULL,
  dataset       text NOT NULL,
  name          text NOT NULL,
  number        smallint NOT NULL,               -- pg_attribute.attnum
  since         pg_lsn NOT NULL,                 -- changes before this position may bring the values of another column
  place         smallint,                        -- in the identity that the crosswalks are made for, from 1
  PRIMARY KEY (flow, from_customer, dataset, name)
);

-- Old images of overridden and deleted rows. Holds row values. Pruned by age and by size.
CREATE TABLE acequia.journal (
  id    bigint GENERATED ALWAYS AS IDENTITY,     -- the order in which one row was changed
  at    timestamptz NOT NULL,
  lsn   pg_lsn NOT NULL,
  route integer NOT NULL,
  op    "char" NOT NULL,                         -- u: overridden, d: deleted; by a revert U: changed back, I: put back, D: taken away again
  key   text NOT NULL,                           -- the customer's primary key, as a row's text ...
  moved text,                                    -- ... and as we left it, where it is another one
  image text NOT NULL,                           -- the route's columns before, as a row's text; nothing for I
  after bigint                                   -- hash of the same columns' text as we left them; NULL: the row is gone
);
CREATE INDEX journal_at ON acequia.journal USING brin (at);
-- It has no key: without this, somebody's publication FOR ALL TABLES would have the server refuse our own pruning.
ALTER TABLE acequia.journal REPLICA IDENTITY FULL;

CREATE TABLE acequia.audit (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at     timestamptz NOT NULL DEFAULT now(),
  who    text NOT NULL DEFAULT session_user,
  what   text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}'
);

INSERT INTO acequia.migration (version, name) VALUES (1, 'control');
