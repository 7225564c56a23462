-- People at an outlet: cashiers (kasir) and their supervisors (penyelia) belong to one outlet and sign in with a password
-- on a page. A session is a random token of which only the SHA-256 is kept; it dies by idleness, by age, by hand, and with
-- its person. A device that a person has signed in from is known for that person: wrong guesses elsewhere do not slow it
-- down, and it may carry a PIN. The ALTERs lock `person` for a moment; it has a row a person.

ALTER TABLE person ADD COLUMN agent_id uuid REFERENCES agent;   -- the outlet, for kasir and penyelia alone
ALTER TABLE person ADD COLUMN full_name text CONSTRAINT person_full_name_length CHECK (length(full_name) BETWEEN 1 AND 100);
ALTER TABLE person ADD COLUMN must_change_password boolean NOT NULL DEFAULT false; -- somebody else chose it
-- Operators without an outlet could do nothing so far; one that can do nothing shall not look as if it could.
UPDATE person SET disabled_at = greatest(now(), created_at) WHERE role IN ('kasir', 'penyelia') AND disabled_at IS NULL;
ALTER TABLE person ADD CONSTRAINT person_outlet_by_role CHECK (agent_id IS NULL OR role IN ('kasir', 'penyelia'));
ALTER TABLE person ADD CONSTRAINT person_operator_has_outlet
  CHECK (agent_id IS NOT NULL OR role NOT IN ('kasir', 'penyelia') OR disabled_at IS NOT NULL);
CREATE INDEX person_agent ON person (agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE person_session (
  token_sha256 bytea PRIMARY KEY CONSTRAINT person_session_is_sha256 CHECK (octet_length(token_sha256) = 32),
  session_id   uuid NOT NULL CONSTRAINT person_session_id_key UNIQUE, -- names it in lists, opens nothing
  person_id    uuid NOT NULL REFERENCES person,
  device_sha256 bytea NOT NULL CONSTRAINT person_session_device_is_sha256 CHECK (octet_length(device_sha256) = 32),
  device_name  text NOT NULL CONSTRAINT person_session_device_name_length CHECK (length(device_name) BETWEEN 1 AND 60),
  created_at   timestamptz NOT NULL,
  seen_at      timestamptz NOT NULL,      -- the person's last act; what a page asks by itself does not count
  revoked_at   timestamptz
);
COMMENT ON TABLE person_session IS 'Sign-ins of people at pages, by the SHA-256 of their token';
CREATE INDEX person_session_person ON person_session (person_id, created_at);

CREATE TABLE person_device (
  device_sha256 bytea NOT NULL CONSTRAINT person_device_is_sha256 CHECK (octet_length(device_sha256) = 32),
  person_id     uuid NOT NULL REFERENCES person,
  known_since   timestamptz NOT NULL,
  seen_at       timestamptz NOT NULL,
  pin_hash      text,                     -- argon2id, PHC string; worth nothing without the device
  pin_failures  smallint NOT NULL DEFAULT 0 CONSTRAINT person_device_failures_bounded CHECK (pin_failures BETWEEN 0 AND 5),
  forgotten_at  timestamptz,
  PRIMARY KEY (device_sha256, person_id)
);
COMMENT ON TABLE person_device IS 'Devices that a person has signed in from with the password';
CREATE INDEX person_device_person ON person_device (person_id);

GRANT SELECT, INSERT ON person_session, person_device TO samsat_app;
GRANT UPDATE (seen_at, revoked_at) ON person_session TO samsat_app;
GRANT UPDATE (seen_at, pin_hash, pin_failures, forgotten_at, known_since) ON person_device TO samsat_app;
GRANT UPDATE (must_change_password) ON person TO samsat_app;
