-- The day at an outlet: each operator's cash drawer, the caps of an outlet, and top-ups that an outlet asks for.
--
-- The drawers' cash is a book of its own beside the ledger: what a citizen hands over is the outlet's cash, while the float is
-- money that the outlet has at the bank. Nothing here can stop a payment from ending (decision 042). An entry is one row that
-- one account gives (debit) and another takes (credit), as in the ledger. Accounts of an outlet's cash: `drawer` (that drawer),
-- `safe` (the outlet's cash outside its drawers), `citizens` (what citizens handed over and got back), `variance` (selisih laci).
-- The ALTERs lock `agent` for a moment; it has a row an outlet.

CREATE TABLE drawer (
  drawer_id uuid PRIMARY KEY,
  agent_id  uuid NOT NULL REFERENCES agent,
  person_id uuid NOT NULL REFERENCES person,  -- whose
  opening   bigint NOT NULL CONSTRAINT drawer_opening_not_negative CHECK (opening >= 0),
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  closed_by uuid REFERENCES person,           -- the operator, or a supervisor
  pieces    integer[],                        -- of 100.000, 50.000, 20.000, 10.000, 5.000, 2.000, 1.000, 500, 200, 100 rupiah
  counted   bigint,
  expected  bigint,                           -- by the entries, when it was counted
  reason    text CONSTRAINT drawer_reason_length CHECK (length(reason) BETWEEN 3 AND 300),
  CONSTRAINT drawer_closed_whole CHECK (num_nonnulls(closed_at, closed_by, pieces, counted, expected) IN (0, 5)),
  CONSTRAINT drawer_closed_after CHECK (closed_at >= opened_at),
  CONSTRAINT drawer_count_whole CHECK (cardinality(pieces) = 10 AND array_position(pieces, NULL) IS NULL AND 0 <= ALL (pieces)),
  CONSTRAINT drawer_count_adds_up CHECK (counted = 100000::bigint * pieces[1] + 50000::bigint * pieces[2] + 20000::bigint * pieces[3]
    + 10000::bigint * pieces[4] + 5000::bigint * pieces[5] + 2000::bigint * pieces[6] + 1000::bigint * pieces[7]
    + 500::bigint * pieces[8] + 200::bigint * pieces[9] + 100::bigint * pieces[10]),
  CONSTRAINT drawer_variance_has_reason CHECK (counted = expected OR reason IS NOT NULL)
);
COMMENT ON TABLE drawer IS 'One operator''s cash drawer from its opening to its closing';
CREATE UNIQUE INDEX drawer_one_open ON drawer (person_id) WHERE closed_at IS NULL;
CREATE INDEX drawer_agent ON drawer (agent_id, drawer_id);

CREATE TABLE cash_entry (
  cash_entry_id uuid PRIMARY KEY,
  drawer_id     uuid NOT NULL REFERENCES drawer,
  code          text NOT NULL,
  debit         text NOT NULL,
  credit        text NOT NULL,
  amount        bigint NOT NULL CONSTRAINT cash_entry_amount_positive CHECK (amount > 0),
  payment_id    uuid,
  remark        text CONSTRAINT cash_entry_remark_length CHECK (length(remark) BETWEEN 1 AND 300),
  person_id     uuid NOT NULL REFERENCES person,  -- who did it
  at            timestamptz NOT NULL,
  CONSTRAINT cash_entry_accounts_of_code CHECK ((code, debit, credit) IN (
    ('OPENED', 'safe', 'drawer'), ('ADDED', 'safe', 'drawer'), ('TAKEN', 'citizens', 'drawer'), ('RETURNED', 'drawer', 'citizens'),
    ('HANDED_OVER', 'drawer', 'safe'), ('SHORT', 'drawer', 'variance'), ('OVER', 'variance', 'drawer'), ('CLOSED', 'drawer', 'safe'))),
  CONSTRAINT cash_entry_payment_of_code CHECK ((code IN ('TAKEN', 'RETURNED')) = (payment_id IS NOT NULL))
);
COMMENT ON TABLE cash_entry IS 'One movement of an outlet''s cash; never changed, never deleted';
CREATE INDEX cash_entry_drawer ON cash_entry (drawer_id);
CREATE UNIQUE INDEX cash_entry_once ON cash_entry (drawer_id, code) WHERE code IN ('OPENED', 'SHORT', 'OVER', 'CLOSED');
CREATE UNIQUE INDEX cash_entry_taken_once ON cash_entry (payment_id) WHERE code = 'TAKEN';
CREATE TRIGGER cash_entry_append_only BEFORE UPDATE OR DELETE ON cash_entry FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE cash_entry ENABLE ALWAYS TRIGGER cash_entry_append_only;

-- A closed drawer stays closed. Waits for who is closing it.
CREATE FUNCTION cash_entry_into_open_drawer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE closed timestamptz;
BEGIN
  SELECT closed_at INTO closed FROM drawer WHERE drawer_id = NEW.drawer_id FOR SHARE;
  IF closed IS NOT NULL THEN
    RAISE EXCEPTION 'drawer % is closed', NEW.drawer_id USING ERRCODE = 'check_violation', CONSTRAINT = 'cash_entry_into_open_drawer';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER cash_entry_into_open_drawer BEFORE INSERT ON cash_entry FOR EACH ROW EXECUTE FUNCTION cash_entry_into_open_drawer();
ALTER TABLE cash_entry ENABLE ALWAYS TRIGGER cash_entry_into_open_drawer;

-- A drawer changes once, when it is closed, and then nothing is left in it.
CREATE FUNCTION drawer_closes_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE book bigint; rest bigint;
BEGIN
  IF OLD.closed_at IS NOT NULL OR NEW.closed_at IS NULL OR (NEW.drawer_id, NEW.agent_id, NEW.person_id, NEW.opening, NEW.opened_at)
     IS DISTINCT FROM (OLD.drawer_id, OLD.agent_id, OLD.person_id, OLD.opening, OLD.opened_at) THEN
    RAISE EXCEPTION 'drawer % is fixed', OLD.drawer_id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'drawer_closes_once';
  END IF;
  SELECT coalesce(sum(s.amount) FILTER (WHERE s.code NOT IN ('SHORT', 'OVER', 'CLOSED')), 0), coalesce(sum(s.amount), 0) INTO book, rest
  FROM (SELECT code, CASE WHEN credit = 'drawer' THEN amount ELSE -amount END AS amount FROM cash_entry WHERE drawer_id = NEW.drawer_id) s;
  IF book <> NEW.expected OR rest <> 0 THEN
    RAISE EXCEPTION 'drawer % does not close at nothing', NEW.drawer_id USING ERRCODE = 'check_violation', CONSTRAINT = 'drawer_closes_at_nothing';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER drawer_closes_once BEFORE UPDATE ON drawer FOR EACH ROW EXECUTE FUNCTION drawer_closes_once();
ALTER TABLE drawer ENABLE ALWAYS TRIGGER drawer_closes_once;

-- Written in the payment's own transaction, so that cash is counted where it lies.
CREATE TABLE drawer_payment (
  payment_id uuid NOT NULL,
  drawer_id  uuid NOT NULL REFERENCES drawer,
  CONSTRAINT drawer_payment_pkey PRIMARY KEY (payment_id)
) PARTITION BY RANGE (payment_id);
COMMENT ON TABLE drawer_payment IS 'Into which drawer the cash of a payment went; none for an outlet''s own program';
CREATE INDEX drawer_payment_drawer ON drawer_payment (drawer_id);
CREATE TRIGGER drawer_payment_append_only BEFORE UPDATE OR DELETE ON drawer_payment FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE drawer_payment ENABLE ALWAYS TRIGGER drawer_payment_append_only;
SELECT cut_by_month('drawer_payment', 100);

CREATE FUNCTION insert_drawer_payments(ids uuid[], into_drawers uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO drawer_payment (payment_id, drawer_id) SELECT * FROM unnest(ids, into_drawers);
END $$;

-- Caps of an outlet, rupiah; none without.
ALTER TABLE agent ADD COLUMN daily_cap bigint CONSTRAINT agent_daily_cap_positive CHECK (daily_cap > 0);  -- taken in a day (WIB)
ALTER TABLE agent ADD COLUMN open_cap bigint CONSTRAINT agent_open_cap_positive CHECK (open_cap > 0);     -- taken, outcome open

-- What an outlet says it has paid in at the bank, with a picture or a PDF of the slip. Two people at Bapenda decide: one
-- turns it into a proposal, another approves.
CREATE TABLE topup_proof (
  proof_sha256 bytea PRIMARY KEY,
  media_type   text NOT NULL CONSTRAINT topup_proof_media_known CHECK (media_type IN ('application/pdf', 'image/jpeg', 'image/png', 'image/webp')),
  bytes        bytea NOT NULL CONSTRAINT topup_proof_bounded CHECK (octet_length(bytes) BETWEEN 1 AND 4194304),
  stored_at    timestamptz NOT NULL,
  CONSTRAINT topup_proof_is_its_hash CHECK (proof_sha256 = sha256(bytes))
);
ALTER TABLE topup_proof ALTER COLUMN bytes SET STORAGE EXTERNAL;  -- pictures do not compress
COMMENT ON TABLE topup_proof IS 'Proofs of deposits, byte for byte';
CREATE TRIGGER topup_proof_append_only BEFORE UPDATE OR DELETE ON topup_proof FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE topup_proof ENABLE ALWAYS TRIGGER topup_proof_append_only;

CREATE TABLE topup_request (
  request_id     uuid PRIMARY KEY,
  agent_id       uuid NOT NULL REFERENCES agent,
  amount         bigint NOT NULL CONSTRAINT topup_request_amount_positive CHECK (amount > 0),
  bank           text NOT NULL CONSTRAINT topup_request_bank_length CHECK (length(bank) BETWEEN 1 AND 60),
  deposited_on   date NOT NULL,
  bank_reference text NOT NULL CONSTRAINT topup_request_reference_length CHECK (length(bank_reference) BETWEEN 1 AND 60),
  proof_sha256   bytea NOT NULL REFERENCES topup_proof,
  requested_by   uuid NOT NULL REFERENCES person,
  requested_at   timestamptz NOT NULL,
  proposal_id    uuid CONSTRAINT topup_request_proposal_key UNIQUE REFERENCES proposal,
  declined_at    timestamptz,
  declined_by    uuid REFERENCES person,
  decline_reason text CONSTRAINT topup_request_decline_length CHECK (length(decline_reason) BETWEEN 3 AND 300),
  CONSTRAINT topup_request_declined_whole CHECK (num_nonnulls(declined_at, declined_by, decline_reason) IN (0, 3)),
  CONSTRAINT topup_request_one_answer CHECK (proposal_id IS NULL OR declined_at IS NULL)
);
COMMENT ON TABLE topup_request IS 'A top-up that an outlet asks for, and what Bapenda made of it';
CREATE INDEX topup_request_agent ON topup_request (agent_id, request_id);
CREATE UNIQUE INDEX topup_request_proof_once ON topup_request (proof_sha256) WHERE declined_at IS NULL;
CREATE UNIQUE INDEX topup_request_deposit_once ON topup_request (bank, deposited_on, bank_reference) WHERE declined_at IS NULL;

CREATE FUNCTION topup_request_answered_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF num_nonnulls(OLD.proposal_id, OLD.declined_at) > 0
     OR (NEW.request_id, NEW.agent_id, NEW.amount, NEW.bank, NEW.deposited_on, NEW.bank_reference, NEW.proof_sha256, NEW.requested_by, NEW.requested_at)
     IS DISTINCT FROM (OLD.request_id, OLD.agent_id, OLD.amount, OLD.bank, OLD.deposited_on, OLD.bank_reference, OLD.proof_sha256, OLD.requested_by, OLD.requested_at) THEN
    RAISE EXCEPTION 'request % is fixed', OLD.request_id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'topup_request_answered_once';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER topup_request_answered_once BEFORE UPDATE ON topup_request FOR EACH ROW EXECUTE FUNCTION topup_request_answered_once();
ALTER TABLE topup_request ENABLE ALWAYS TRIGGER topup_request_answered_once;

GRANT SELECT, INSERT ON drawer, cash_entry, drawer_payment, topup_proof, topup_request TO samsat_app;
GRANT UPDATE (closed_at, closed_by, pieces, counted, expected, reason) ON drawer TO samsat_app;
GRANT UPDATE (daily_cap, open_cap) ON agent TO samsat_app;
GRANT UPDATE (proposal_id, declined_at, declined_by, decline_reason) ON topup_request TO samsat_app;
