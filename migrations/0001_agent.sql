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
