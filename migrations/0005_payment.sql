-- Payments. Keys, vehicle locks, references and numbers are unique over everything, for ever, at whatever outlet.
-- A payment's row carries what is true in its state; its legs carry what each authority said.
--
-- payment and payment_leg are written once and changed once or twice: no column that changes is indexed, and half of each
-- page is free, so that a change stays on its page and touches no index (HOT). Legs, work and receipts name their payment
-- without a foreign key: they are written in its transaction, and `verify` looks for orphans.

CREATE TABLE idempotency_key (
  agent_id    uuid NOT NULL,
  key         text NOT NULL CONSTRAINT idempotency_key_length CHECK (length(key) BETWEEN 1 AND 255),
  request     jsonb NOT NULL,             -- what was asked, to name the fields that differ
  payment_id  uuid,                       -- the payment it made
  refusal     jsonb,                      -- or the problem it was refused with, replayed for ever
  created_at  timestamptz NOT NULL,
  CONSTRAINT idempotency_key_pkey PRIMARY KEY (agent_id, key),
  CONSTRAINT idempotency_key_answered CHECK ((payment_id IS NULL) <> (refusal IS NULL))
);
COMMENT ON TABLE idempotency_key IS 'One key names at most one payment, or one refusal; never expires';
CREATE TRIGGER idempotency_key_append_only BEFORE UPDATE OR DELETE ON idempotency_key FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE idempotency_key ENABLE ALWAYS TRIGGER idempotency_key_append_only;

CREATE TABLE payment (
  payment_id          uuid PRIMARY KEY CONSTRAINT payment_id_ends_in_zero CHECK (get_byte(uuid_send(payment_id), 15) = 0),
  agent_id            uuid NOT NULL,
  lookup_id           uuid NOT NULL,
  plate               text NOT NULL,
  amount              bigint NOT NULL CONSTRAINT payment_amount_not_negative CHECK (amount >= 0),
  fee                 bigint NOT NULL CONSTRAINT payment_fee_not_negative CHECK (fee >= 0),
  fee_hold_id         uuid,
  state               text NOT NULL CONSTRAINT payment_state_known CHECK (state IN
    ('held', 'in_doubt', 'integrity_hold', 'confirmed', 'refused', 'reversing', 'reversed')),
  taken_at            timestamptz NOT NULL,
  quote_expires_at    timestamptz NOT NULL,
  reason              text,
  titip_no            text,
  receipt_no          text,
  cancel_requested_at timestamptz,
  confirmed_at        timestamptz,
  refused_at          timestamptz,
  reversed_at         timestamptz,
  CONSTRAINT payment_fee_within_amount CHECK (fee <= amount),
  CONSTRAINT payment_confirmed_whole CHECK (state <> 'confirmed' OR (confirmed_at IS NOT NULL AND receipt_no IS NOT NULL)),
  CONSTRAINT payment_refused_whole CHECK ((state = 'refused') = (refused_at IS NOT NULL) AND (state <> 'refused' OR reason IS NOT NULL)),
  CONSTRAINT payment_integrity_says_why CHECK (state <> 'integrity_hold' OR reason IS NOT NULL),
  CONSTRAINT payment_reversed_whole CHECK ((state = 'reversed') = (reversed_at IS NOT NULL))
) PARTITION BY RANGE (payment_id);
COMMENT ON TABLE payment IS 'One collection of tax for one vehicle; its state says how it stands';
CREATE INDEX payment_agent ON payment (agent_id, payment_id);
CREATE INDEX payment_plate ON payment (plate, payment_id);

-- The payment that a reference belongs to.
CREATE FUNCTION payment_of(reference uuid) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT encode(set_byte(uuid_send(reference), 15, 0), 'hex')::uuid
$$;

CREATE TABLE payment_leg (
  payment_id             uuid NOT NULL,
  ordinal                smallint NOT NULL,
  authority              text NOT NULL CONSTRAINT leg_authority_known CHECK (authority IN ('BAPENDA', 'JASA_RAHARJA')),
  reference              uuid NOT NULL,   -- the payment's id with the leg's place, 1, 2 …, for its last byte: as unique as that
  document_id            text NOT NULL,   -- bill or assessment id
  amount                 bigint NOT NULL CONSTRAINT leg_amount_not_negative CHECK (amount >= 0),
  periods                json NOT NULL,   -- its lines by period, as quoted; read whole a million times a night, searched by nobody
  hold_id                uuid,            -- null when the amount is 0
  state                  text NOT NULL CONSTRAINT leg_state_known CHECK (state IN ('unsent', 'sent', 'booked', 'refused', 'absent', 'released', 'reversed')),
  not_after              timestamptz NOT NULL, -- the greatest ever committed for this reference
  refusal                text,
  number                 text,            -- NTPD or certificate number
  booked_at              timestamptz,
  business_date          date,
  reversal_reference     uuid,
  reversal_state         text CONSTRAINT leg_reversal_known CHECK (reversal_state IN ('asked', 'agreed', 'refused')),
  reversal_business_date date,
  CONSTRAINT payment_leg_pkey PRIMARY KEY (payment_id, ordinal),
  CONSTRAINT leg_reference_of_payment CHECK (payment_of(reference) = payment_id AND get_byte(uuid_send(reference), 15) = ordinal + 1),
  CONSTRAINT leg_hold_whole CHECK ((hold_id IS NULL) = (amount = 0)),
  CONSTRAINT leg_booked_whole CHECK ((state IN ('booked', 'reversed')) = (number IS NOT NULL)
    AND (number IS NULL) = (booked_at IS NULL) AND (number IS NULL) = (business_date IS NULL)),
  CONSTRAINT leg_refused_whole CHECK ((state = 'refused') = (refusal IS NOT NULL)),
  CONSTRAINT leg_reversed_whole CHECK (state <> 'reversed' OR reversal_state = 'agreed')
) PARTITION BY RANGE (payment_id);
COMMENT ON TABLE payment_leg IS 'What a payment owes one authority, and what that authority said';

-- The authorities' numbers, unique for ever, and the day in whose file each is due.
CREATE TABLE booking (
  authority     text NOT NULL,
  number        text NOT NULL,            -- NTPD or certificate number
  payment_id    uuid NOT NULL,
  ordinal       smallint NOT NULL,
  business_date date NOT NULL,
  CONSTRAINT leg_number_key PRIMARY KEY (authority, number)
);
COMMENT ON TABLE booking IS 'Which leg each number of an authority belongs to';
CREATE INDEX booking_day ON booking (authority, business_date, payment_id, ordinal);
CREATE TRIGGER booking_append_only BEFORE UPDATE OR DELETE ON booking FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE booking ENABLE ALWAYS TRIGGER booking_append_only;

-- An authority's word does not change: a booked number, a reference and an amount stay; not_after only grows.
CREATE FUNCTION payment_leg_keeps_its_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'leg % of payment % keeps its word', OLD.ordinal, OLD.payment_id
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'leg_keeps_its_word';
END $$;
CREATE TRIGGER leg_keeps_its_word BEFORE UPDATE ON payment_leg FOR EACH ROW
  WHEN (NEW.payment_id <> OLD.payment_id OR NEW.ordinal <> OLD.ordinal OR NEW.authority <> OLD.authority OR NEW.reference <> OLD.reference
        OR NEW.document_id <> OLD.document_id OR NEW.amount <> OLD.amount OR NEW.not_after < OLD.not_after
        OR OLD.number IS NOT NULL AND NEW.number IS DISTINCT FROM OLD.number)
  EXECUTE FUNCTION payment_leg_keeps_its_word();
ALTER TABLE payment_leg ENABLE ALWAYS TRIGGER leg_keeps_its_word;

CREATE TABLE vehicle_lock (
  plate      text NOT NULL,               -- as Bapenda spells it
  due_on     date NOT NULL,
  payment_id uuid NOT NULL,
  is_open    boolean NOT NULL,            -- held, in doubt, integrity hold, reversing
  leads      boolean NOT NULL,            -- one row of a payment stands for the vehicle
  CONSTRAINT vehicle_lock_period PRIMARY KEY (plate, due_on)
) WITH (fillfactor = 80);
COMMENT ON TABLE vehicle_lock IS 'At most one open payment per plate, at most one open or confirmed per period';
CREATE UNIQUE INDEX vehicle_lock_open ON vehicle_lock (plate) WHERE is_open AND leads;

CREATE TABLE payment_work (
  payment_id  uuid PRIMARY KEY,
  fence       bigint NOT NULL,            -- whoever moves the payment must hold this number
  holder      text NOT NULL,              -- the gateway at work
  lease_until timestamptz NOT NULL,       -- by the database's clock
  due_at      timestamptz NOT NULL,       -- when it is next asked about
  tries       integer NOT NULL
);
COMMENT ON TABLE payment_work IS 'Open payments and who is at work on them';
CREATE INDEX payment_work_due ON payment_work (due_at);

CREATE TABLE evidence (
  evidence_id    uuid PRIMARY KEY,
  authority      text NOT NULL,
  operation      text NOT NULL,
  reference      uuid,
  status         smallint NOT NULL,
  path           text NOT NULL,
  request_sha256 bytea NOT NULL,
  body           bytea NOT NULL,
  host_timestamp text NOT NULL,
  signature      text NOT NULL,
  received_at    timestamptz NOT NULL
) PARTITION BY RANGE (evidence_id);
COMMENT ON TABLE evidence IS 'What a host said about money, byte for byte, with its signature';
CREATE INDEX evidence_reference ON evidence (reference);
CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE evidence ENABLE ALWAYS TRIGGER evidence_append_only;

CREATE TABLE citizen_debt (
  payment_id  uuid PRIMARY KEY,
  agent_id    uuid NOT NULL,
  amount      bigint NOT NULL CONSTRAINT citizen_debt_positive CHECK (amount > 0),
  since       timestamptz NOT NULL,
  returned_at timestamptz,
  returned_to text,
  paper_surrendered boolean,
  CONSTRAINT citizen_debt_return_whole CHECK ((returned_at IS NULL) = (returned_to IS NULL) AND (returned_at IS NULL) = (paper_surrendered IS NULL))
);
COMMENT ON TABLE citizen_debt IS 'Cash to give back after a paper was handed over, until the outlet records the return';

SELECT cut_by_month('payment', 50), cut_by_month('payment_leg', 50), cut_by_month('evidence', 100);

GRANT SELECT, INSERT ON idempotency_key, payment, payment_leg, booking, vehicle_lock, payment_work, evidence, citizen_debt TO samsat_app;
GRANT UPDATE (state, reason, titip_no, receipt_no, cancel_requested_at, confirmed_at, refused_at, reversed_at) ON payment TO samsat_app;
GRANT UPDATE (state, not_after, refusal, number, booked_at, business_date, reversal_reference, reversal_state, reversal_business_date) ON payment_leg TO samsat_app;
GRANT UPDATE (is_open), DELETE ON vehicle_lock TO samsat_app;
GRANT UPDATE (fence, holder, lease_until, due_at, tries), DELETE ON payment_work TO samsat_app;
GRANT UPDATE (amount, returned_at, returned_to, paper_surrendered) ON citizen_debt TO samsat_app;
