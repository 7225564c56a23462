-- Agents (outlets of pesantren cooperatives) and people. An agent has one float and any number of API keys, of which
-- only the SHA-256 is kept (256-bit random keys need no slow hash). People have roles; nobody has two.
-- The gateway connects as samsat_app, a role that owns nothing: each migration grants exactly what the code does.

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'samsat_app') THEN
    RAISE EXCEPTION 'create the role samsat_app before migrating: CREATE ROLE samsat_app LOGIN PASSWORD ''…''';
  END IF;
  IF to_regclass('_sqlx_migrations') IS NOT NULL THEN
    EXECUTE 'GRANT SELECT ON _sqlx_migrations TO samsat_app';
  END IF;
END $$;

-- Refuses any change of a row that is history.
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

-- Tables that grow are cut by month along their UUID v7 keys, whose first 48 bits are milliseconds. Nothing that names a
-- table knows of it: a month that has no part of its own yet goes into the table's `_rest`. What must be unique for ever
-- (keys, vehicle locks, receipt numbers, the authorities' numbers) stands in tables that are not cut.
CREATE TABLE monthly (
  name        text PRIMARY KEY,
  fillfactor  smallint NOT NULL,
  local_index text                        -- a unique index that holds within a month
);
COMMENT ON TABLE monthly IS 'Tables that are cut by month';

-- The least UUID v7 of an instant.
CREATE FUNCTION uuid_at(instant timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT rpad(lpad(to_hex((extract(epoch FROM instant) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Makes the parts of a month (WIB) that are missing; tells how many. Rows of that month that are in the rest stay there,
-- and the month with them: then the part is not made.
CREATE FUNCTION make_month(month date) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  t monthly;
  part text;
  made integer := 0;
  first timestamptz := date_trunc('month', month)::timestamp AT TIME ZONE 'Asia/Jakarta';
  past timestamptz := (date_trunc('month', month) + interval '1 month')::timestamp AT TIME ZONE 'Asia/Jakarta';
BEGIN
  FOR t IN SELECT * FROM monthly ORDER BY name LOOP
    part := t.name || to_char(month, '_YYYY_MM');
    CONTINUE WHEN to_regclass(part) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = %s)',
                     part, t.name, uuid_at(first), uuid_at(past), t.fillfactor);
      PERFORM finish_part(part, t.local_index);
      made := made + 1;
    EXCEPTION WHEN check_violation OR duplicate_table THEN
      RAISE WARNING 'no part % of its own: %', part, SQLERRM;
    END;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION make_month(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_month(date) TO samsat_app;

-- What a table's own definition cannot hand down to its parts.
CREATE FUNCTION finish_part(part text, local_index text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF local_index IS NOT NULL THEN
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I %s', part || '_once', part, local_index);
  END IF;
  EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION append_only()', part);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER no_truncate', part);
END $$;

-- Called at the end of the migration that creates a table to be cut: its rest, this month and the next.
CREATE FUNCTION cut_by_month(name text, fillfactor integer, local_index text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT WITH (fillfactor = %s)', name || '_rest', name, fillfactor);
  PERFORM finish_part(name || '_rest', local_index);
  INSERT INTO monthly VALUES (name, fillfactor, local_index);
  PERFORM make_month((date_trunc('month', now() AT TIME ZONE 'Asia/Jakarta') + n * interval '1 month')::date) FROM generate_series(0, 1) n;
END $$;

CREATE TABLE agent (
  agent_id    uuid PRIMARY KEY,
  agent_no    bigint NOT NULL CONSTRAINT agent_no_key UNIQUE CONSTRAINT agent_no_positive CHECK (agent_no > 0),
  agent_code  text NOT NULL CONSTRAINT agent_code_key UNIQUE CONSTRAINT agent_code_shape CHECK (agent_code ~ '^[A-Z0-9][A-Z0-9-]{2,15}$'),
  name        text NOT NULL,
  nspp        text,                       -- number of the pesantren at the ministry
  region_code smallint,
  status      text NOT NULL CONSTRAINT agent_status_known CHECK (status IN ('active', 'suspended')),
  created_at  timestamptz NOT NULL
);
COMMENT ON TABLE agent IS 'An outlet of a pesantren cooperative that collects vehicle tax';

CREATE TABLE agent_key (
  key_sha256 bytea PRIMARY KEY CONSTRAINT agent_key_is_sha256 CHECK (octet_length(key_sha256) = 32),
  agent_id   uuid NOT NULL REFERENCES agent,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
COMMENT ON TABLE agent_key IS 'API keys of agents, by their SHA-256';
CREATE INDEX agent_key_agent ON agent_key (agent_id);

CREATE TABLE person (
  person_id     uuid PRIMARY KEY,
  username      text NOT NULL CONSTRAINT person_username_key UNIQUE CONSTRAINT person_username_shape CHECK (username ~ '^[a-z0-9][a-z0-9._-]{1,31}$'),
  password_hash text NOT NULL,            -- argon2id, PHC string
  role          text NOT NULL CONSTRAINT person_role_known CHECK (role IN ('kasir', 'penyelia', 'bapenda', 'auditor', 'admin')),
  created_at    timestamptz NOT NULL,
  disabled_at   timestamptz
);
COMMENT ON TABLE person IS 'A person with one role';

CREATE TABLE person_token (
  token_sha256 bytea PRIMARY KEY CONSTRAINT person_token_is_sha256 CHECK (octet_length(token_sha256) = 32),
  person_id    uuid NOT NULL REFERENCES person,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,
  revoked_at   timestamptz
);
COMMENT ON TABLE person_token IS 'Bearer tokens of people, by their SHA-256';
CREATE INDEX person_token_person ON person_token (person_id);

GRANT SELECT, INSERT ON agent, agent_key, person, person_token TO samsat_app;
GRANT UPDATE (status, name, nspp, region_code) ON agent TO samsat_app;
GRANT UPDATE (revoked_at) ON agent_key, person_token TO samsat_app;
GRANT UPDATE (password_hash, disabled_at) ON person TO samsat_app;
