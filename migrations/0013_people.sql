-- People beyond the counter. Everybody but the cashier signs in with a second factor (RFC 6238): its secret is kept sealed
-- (AES-256-GCM, bound to the person), the last used step makes a code work once. A session begins half when a code is still
-- to come. An outlet may ask that its supervisor admits each new device of a cashier. And a pesantren stands above its
-- outlets. A proposal may end unapproved, for good. The ALTERs lock their tables for a moment; each has a row a person, a
-- device, a sign-in, an outlet or a proposal.

ALTER TABLE person ADD COLUMN totp_secret bytea;            -- sealed; null until enrolled
ALTER TABLE person ADD COLUMN totp_since timestamptz;       -- enrolled
ALTER TABLE person ADD COLUMN totp_last_step bigint NOT NULL DEFAULT 0; -- codes up to this step of thirty seconds are used
ALTER TABLE person ADD CONSTRAINT person_totp_whole CHECK ((totp_secret IS NULL) = (totp_since IS NULL));
ALTER TABLE person ADD CONSTRAINT person_totp_sealed CHECK (octet_length(totp_secret) BETWEEN 40 AND 100);

ALTER TABLE person_session ADD COLUMN code_at timestamptz;  -- when the second factor was given; null: half, or a cashier's
ALTER TABLE person_session ADD COLUMN enrolling bytea       -- the sealed secret that this very session is shown
  CONSTRAINT person_session_enrolling_sealed CHECK (octet_length(enrolling) BETWEEN 40 AND 100);

ALTER TABLE person_device ADD COLUMN device_name text NOT NULL DEFAULT 'perangkat lain'
  CONSTRAINT person_device_name_length CHECK (length(device_name) BETWEEN 1 AND 60);
ALTER TABLE person_device ADD COLUMN waits_since timestamptz; -- the right password came from it; the supervisor has not admitted it
ALTER TABLE person_device ADD COLUMN admitted_by uuid REFERENCES person;
ALTER TABLE person_device ADD CONSTRAINT person_device_waits_unknown CHECK (waits_since IS NULL OR forgotten_at IS NOT NULL);

-- Asks that a supervisor admits each new device of a cashier; without an enabled supervisor it asks for nothing.
ALTER TABLE agent ADD COLUMN devices_admitted boolean NOT NULL DEFAULT false;

CREATE TABLE pesantren (
  nspp       text PRIMARY KEY CONSTRAINT pesantren_nspp_length CHECK (length(nspp) BETWEEN 1 AND 60),
  name       text NOT NULL CONSTRAINT pesantren_name_length CHECK (length(name) BETWEEN 1 AND 120),
  created_at timestamptz NOT NULL
);
COMMENT ON TABLE pesantren IS 'A pesantren by its number at the ministry; its cooperative has outlets';
INSERT INTO pesantren (nspp, name, created_at)
SELECT DISTINCT ON (nspp) nspp, left(name, 120), created_at FROM agent WHERE nspp <> '' ORDER BY nspp, agent_no;
UPDATE agent SET nspp = NULL WHERE nspp = '';
ALTER TABLE agent ADD CONSTRAINT agent_of_pesantren FOREIGN KEY (nspp) REFERENCES pesantren;
CREATE INDEX agent_nspp ON agent (nspp) WHERE nspp IS NOT NULL;

ALTER TABLE proposal ADD COLUMN refused_by uuid REFERENCES person;
ALTER TABLE proposal ADD COLUMN refused_at timestamptz;
ALTER TABLE proposal ADD COLUMN refusal text CONSTRAINT proposal_refusal_length CHECK (length(refusal) BETWEEN 1 AND 200);
ALTER TABLE proposal ADD CONSTRAINT proposal_refusal_whole
  CHECK ((refused_by IS NULL) = (refused_at IS NULL) AND (refused_by IS NULL) = (refusal IS NULL));
ALTER TABLE proposal ADD CONSTRAINT proposal_ends_once CHECK (approved_by IS NULL OR refused_by IS NULL);

CREATE OR REPLACE FUNCTION proposal_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.approved_at IS NOT NULL OR OLD.refused_at IS NOT NULL OR (NEW.proposal_id, NEW.kind, NEW.subject, NEW.terms, NEW.proposed_by, NEW.proposed_at)
     IS DISTINCT FROM (OLD.proposal_id, OLD.kind, OLD.subject, OLD.terms, OLD.proposed_by, OLD.proposed_at) THEN
    RAISE EXCEPTION 'proposal % is fixed', OLD.proposal_id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'proposal_is_fixed';
  END IF;
  RETURN NEW;
END $$;

GRANT SELECT, INSERT ON pesantren TO samsat_app;
GRANT UPDATE (refused_by, refused_at, refusal) ON proposal TO samsat_app;
GRANT UPDATE (name) ON pesantren TO samsat_app;
GRANT UPDATE (totp_secret, totp_since, totp_last_step) ON person TO samsat_app;
GRANT UPDATE (code_at, enrolling) ON person_session TO samsat_app;
GRANT UPDATE (device_name, waits_since, admitted_by) ON person_device TO samsat_app;
GRANT UPDATE (devices_admitted) ON agent TO samsat_app;
