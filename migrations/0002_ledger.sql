-- The books. A transfer is one row with a debit and a credit account: balanced by construction. A hold is a transfer
-- from an agent's float to its holds; it is resolved once, by a void or by the lines it pays for. Rows never change.
--
-- Account numbers are arithmetic, so nothing is looked up on the way of a payment:
--   1 bank clearing · 2 selisih (differences) · 3 suspense · 10 RKUN · 11 JASA_RAHARJA · 35 province · 3501–3579 regions
--   1000000 + agent_no * 10 + kind: 1 float · 2 holds · 3 fees · 4 owed to citizens · 5 claims on the outlet · 6 cash in drawer

CREATE TABLE account (
  account_no bigint PRIMARY KEY,
  kind       text NOT NULL CONSTRAINT account_kind_known CHECK (kind IN
    ('bank_clearing', 'selisih', 'suspense', 'payable', 'float', 'hold', 'fee', 'owed_to_citizens', 'claim_on_outlet', 'cash_in_drawer')),
  beneficiary text CONSTRAINT account_beneficiary_key UNIQUE,
  agent_id   uuid REFERENCES agent,
  CONSTRAINT account_belongs CHECK ((kind = 'payable') = (beneficiary IS NOT NULL)
    AND (kind IN ('float', 'hold', 'fee', 'owed_to_citizens', 'claim_on_outlet', 'cash_in_drawer')) = (agent_id IS NOT NULL)),
  CONSTRAINT account_agent_kind_key UNIQUE (agent_id, kind)
);
COMMENT ON TABLE account IS 'Where money stands: floats, holds, payables to each beneficiary, clearing';

INSERT INTO account (account_no, kind) VALUES (1, 'bank_clearing'), (2, 'selisih'), (3, 'suspense');
INSERT INTO account (account_no, kind, beneficiary) VALUES (10, 'payable', 'RKUN'), (11, 'payable', 'JASA_RAHARJA'), (35, 'payable', '35');
INSERT INTO account (account_no, kind, beneficiary)
  SELECT code, 'payable', code::text FROM (SELECT generate_series(3501, 3529) UNION ALL SELECT generate_series(3571, 3579)) r (code);

-- What is held is not kept here: it is the sum of the open holds. So a payment that is confirmed, whose hold goes to its
-- beneficiaries, does not touch this row, and does not wait for those that begin.
CREATE TABLE agent_float (
  agent_id  uuid PRIMARY KEY REFERENCES agent,
  available bigint NOT NULL CONSTRAINT float_available_not_negative CHECK (available >= 0),
  owed      bigint NOT NULL CONSTRAINT float_owed_not_negative CHECK (owed >= 0),
  seq       bigint NOT NULL CONSTRAINT float_seq_not_negative CHECK (seq >= 0)
) WITH (fillfactor = 50);
CREATE FUNCTION float_seq_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'float of agent %: position % after %', OLD.agent_id, NEW.seq, OLD.seq
    USING ERRCODE = 'check_violation', CONSTRAINT = 'float_seq_grows';
END $$;
CREATE TRIGGER float_seq_grows BEFORE UPDATE ON agent_float FOR EACH ROW WHEN (NEW.seq < OLD.seq) EXECUTE FUNCTION float_seq_grows();
ALTER TABLE agent_float ENABLE ALWAYS TRIGGER float_seq_grows;
COMMENT ON TABLE agent_float IS 'Balances of an agent''s float and debts to citizens; seq counts the float''s entries';

CREATE TABLE transfer (
  cause           uuid NOT NULL,          -- the payment, or the proposal of a top-up: rows of one cause stand together
  transfer_id     uuid NOT NULL,
  debit_account   bigint NOT NULL,
  credit_account  bigint NOT NULL,
  amount          bigint NOT NULL CONSTRAINT transfer_amount_positive CHECK (amount > 0),
  code            text NOT NULL CONSTRAINT transfer_code_known CHECK (code IN
    ('TOPUP', 'HOLD', 'POST', 'VOID', 'RETURN', 'REVERSE', 'CLAIM', 'SELISIH')),
  agent_id        uuid NOT NULL,
  leg             smallint,               -- ordinal of the leg; null for the fee and for what is no payment
  resolves        uuid,                   -- the hold of the same cause that this row posts or voids
  resolves_part   smallint,               -- 0, 1, 2 … within one resolution
  float_seq       bigint,                 -- place in the agent's float, where this row touches it
  available_after bigint CONSTRAINT transfer_available_not_negative CHECK (available_after >= 0),
  at              timestamptz NOT NULL,
  CONSTRAINT transfer_pkey PRIMARY KEY (cause, transfer_id),
  CONSTRAINT transfer_two_accounts CHECK (debit_account <> credit_account),
  CONSTRAINT transfer_resolution_whole CHECK ((resolves IS NULL) = (resolves_part IS NULL)
    AND (resolves IS NOT NULL) = (code IN ('POST', 'VOID'))),
  CONSTRAINT transfer_float_whole CHECK ((float_seq IS NULL) = (available_after IS NULL))
) PARTITION BY RANGE (cause);
COMMENT ON TABLE transfer IS 'One movement of money between two accounts; never changed, never deleted';
CREATE UNIQUE INDEX transfer_resolved_once ON transfer (cause, resolves) WHERE resolves_part = 0;
-- Positions are unique because the float's own row gives them out, and only upwards (float_seq_grows).
CREATE INDEX transfer_float_position ON transfer (agent_id, float_seq) WHERE float_seq IS NOT NULL;

CREATE TRIGGER transfer_append_only BEFORE UPDATE OR DELETE ON transfer FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER transfer_no_truncate BEFORE TRUNCATE ON transfer FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE transfer ENABLE ALWAYS TRIGGER transfer_append_only;
ALTER TABLE transfer ENABLE ALWAYS TRIGGER transfer_no_truncate;

-- What resolves a hold comes in one statement, begins with part 0 and adds up to the hold.
CREATE FUNCTION transfer_resolution_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong uuid;
BEGIN
  SELECT r.resolves INTO wrong
  FROM (SELECT cause, resolves, sum(amount) AS amount, min(resolves_part) AS first_part, max(resolves_part) AS last_part, count(*) AS n
        FROM new_rows WHERE resolves IS NOT NULL GROUP BY cause, resolves) r
  WHERE r.amount IS DISTINCT FROM (SELECT h.amount FROM transfer h WHERE h.cause = r.cause AND h.transfer_id = r.resolves AND h.code = 'HOLD')
     OR r.first_part <> 0 OR r.last_part <> r.n - 1
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'hold % is not resolved by its exact amount', wrong
      USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_resolution_adds_up';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER transfer_resolution_adds_up AFTER INSERT ON transfer REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION transfer_resolution_adds_up();
ALTER TABLE transfer ENABLE ALWAYS TRIGGER transfer_resolution_adds_up;

-- What the ledger writes, for many at once.
CREATE FUNCTION record_transfers(transfer_ids uuid[], debits bigint[], credits bigint[], amounts bigint[], codes text[], agents uuid[], causes uuid[],
                                 legs smallint[], resolved uuid[], parts smallint[], seqs bigint[], afters bigint[], ats timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO transfer (transfer_id, debit_account, credit_account, amount, code, agent_id, cause, leg, resolves, resolves_part, float_seq, available_after, at)
  SELECT * FROM unnest(transfer_ids, debits, credits, amounts, codes, agents, causes, legs, resolved, parts, seqs, afters, ats);
END $$;
CREATE FUNCTION set_floats(agents uuid[], available_now bigint[], owed_now bigint[], seqs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE agent_float f SET available = u.available, owed = u.owed, seq = u.seq
  FROM unnest(agents, available_now, owed_now, seqs) u (agent_id, available, owed, seq) WHERE f.agent_id = u.agent_id;
END $$;

SELECT cut_by_month('transfer', 100);

GRANT SELECT, INSERT ON account, agent_float, transfer TO samsat_app;
GRANT UPDATE (available, owed, seq) ON agent_float TO samsat_app;
