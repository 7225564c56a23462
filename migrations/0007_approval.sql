-- What needs two people: top-ups, reversals, resolutions. One proposes, another approves; the database refuses the same.

CREATE TABLE proposal (
  proposal_id uuid PRIMARY KEY,
  kind        text NOT NULL CONSTRAINT proposal_kind_known CHECK (kind IN ('topup', 'reversal', 'resolve')),
  subject     uuid NOT NULL,              -- agent, payment or case
  terms       jsonb NOT NULL,             -- fixed at request
  proposed_by uuid NOT NULL REFERENCES person,
  proposed_at timestamptz NOT NULL,
  approved_by uuid REFERENCES person,
  approved_at timestamptz,
  CONSTRAINT proposal_two_people CHECK (approved_by <> proposed_by),
  CONSTRAINT proposal_approval_whole CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
  CONSTRAINT proposal_approved_after CHECK (approved_at >= proposed_at)
);
COMMENT ON TABLE proposal IS 'An act that one person proposes and another approves';

CREATE FUNCTION proposal_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.approved_at IS NOT NULL OR (NEW.proposal_id, NEW.kind, NEW.subject, NEW.terms, NEW.proposed_by, NEW.proposed_at)
     IS DISTINCT FROM (OLD.proposal_id, OLD.kind, OLD.subject, OLD.terms, OLD.proposed_by, OLD.proposed_at) THEN
    RAISE EXCEPTION 'proposal % is fixed', OLD.proposal_id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'proposal_is_fixed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER proposal_is_fixed BEFORE UPDATE ON proposal FOR EACH ROW EXECUTE FUNCTION proposal_is_fixed();
ALTER TABLE proposal ENABLE ALWAYS TRIGGER proposal_is_fixed;

CREATE TABLE bank_deposit (
  bank           text NOT NULL,
  deposited_on   date NOT NULL,
  bank_reference text NOT NULL,
  proposal_id    uuid NOT NULL CONSTRAINT bank_deposit_proposal_key UNIQUE REFERENCES proposal,
  agent_id       uuid NOT NULL REFERENCES agent,
  amount         bigint NOT NULL CONSTRAINT bank_deposit_positive CHECK (amount > 0),
  CONSTRAINT bank_deposit_key PRIMARY KEY (bank, deposited_on, bank_reference)
);
COMMENT ON TABLE bank_deposit IS 'The deposit that a top-up names; unique for ever';
CREATE TRIGGER bank_deposit_append_only BEFORE UPDATE OR DELETE ON bank_deposit FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE bank_deposit ENABLE ALWAYS TRIGGER bank_deposit_append_only;

CREATE TABLE case_file (
  case_id      uuid PRIMARY KEY,
  class        text NOT NULL,             -- JR_REFUSED, LATE_SUCCESS, MISSING_HERE …
  side         text NOT NULL CONSTRAINT case_side_known CHECK (side IN ('HERE', 'BAPENDA', 'JASA_RAHARJA', 'BANK')),
  line_key     text NOT NULL,             -- what it is about, unique within class and side
  payment_id   uuid,
  origin       text NOT NULL,             -- what found it: payment, night, return …
  owner        text NOT NULL,             -- the role that must settle it
  facts        jsonb NOT NULL,
  opened_at    timestamptz NOT NULL,
  closed_at    timestamptz,
  resolution   text,
  closed_by    uuid REFERENCES proposal,
  CONSTRAINT case_once UNIQUE (class, side, line_key),
  CONSTRAINT case_closed_whole CHECK ((closed_at IS NULL) = (resolution IS NULL))
);
COMMENT ON TABLE case_file IS 'What people must settle, with owner, age and origin';
CREATE INDEX case_file_payment ON case_file (payment_id);
CREATE INDEX case_file_open ON case_file (opened_at) WHERE closed_at IS NULL;

GRANT SELECT, INSERT ON proposal, bank_deposit, case_file TO samsat_app;
GRANT UPDATE (approved_by, approved_at) ON proposal TO samsat_app;
GRANT UPDATE (closed_at, resolution, closed_by) ON case_file TO samsat_app;
