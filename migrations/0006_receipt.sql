-- Receipts. Bukti Titip (cash taken, outcome open) and Bukti Lunas (booked by both authorities) are two series per
-- agent and year, each without a gap: the number comes from a counter row in the transaction that issues it.

CREATE TABLE receipt_counter (
  agent_id uuid NOT NULL REFERENCES agent,
  kind     text NOT NULL CONSTRAINT receipt_counter_kind_known CHECK (kind IN ('TITIP', 'LUNAS')),
  year     smallint NOT NULL,
  last_n   bigint NOT NULL CONSTRAINT receipt_counter_positive CHECK (last_n > 0),
  PRIMARY KEY (agent_id, kind, year)
) WITH (fillfactor = 50);
COMMENT ON TABLE receipt_counter IS 'Last number given in each series';

CREATE TABLE receipt (
  receipt_no text PRIMARY KEY CONSTRAINT receipt_no_shape CHECK (receipt_no ~ '^[A-Z0-9-]{1,40}$'),
  payment_id uuid NOT NULL,
  agent_id   uuid NOT NULL,
  kind       text NOT NULL CONSTRAINT receipt_kind_known CHECK (kind IN ('TITIP', 'LUNAS')),
  year       smallint NOT NULL,
  n          bigint NOT NULL CONSTRAINT receipt_n_positive CHECK (n > 0),
  payload    text NOT NULL,               -- SOPOP1.<canonical JSON>.<Ed25519>
  issued_at  timestamptz NOT NULL,
  CONSTRAINT receipt_series_key UNIQUE (agent_id, kind, year, n),
  CONSTRAINT receipt_payment_kind_key UNIQUE (payment_id, kind)
);
COMMENT ON TABLE receipt IS 'Signed proofs handed to citizens; append-only';
CREATE TRIGGER receipt_append_only BEFORE UPDATE OR DELETE ON receipt FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE receipt ENABLE ALWAYS TRIGGER receipt_append_only;

CREATE TABLE receipt_copy (
  receipt_no text NOT NULL REFERENCES receipt,
  copy_no    integer NOT NULL CONSTRAINT receipt_copy_positive CHECK (copy_no > 0),
  printed_at timestamptz NOT NULL,
  PRIMARY KEY (receipt_no, copy_no)
);
COMMENT ON TABLE receipt_copy IS 'Each printed copy, numbered';

CREATE FUNCTION insert_receipts(numbers text[], payments uuid[], agents uuid[], kinds text[], years smallint[], ns bigint[], payloads text[], ats timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO receipt (receipt_no, payment_id, agent_id, kind, year, n, payload, issued_at)
  SELECT * FROM unnest(numbers, payments, agents, kinds, years, ns, payloads, ats);
END $$;

GRANT SELECT, INSERT ON receipt_counter, receipt, receipt_copy TO samsat_app;
GRANT UPDATE (last_n) ON receipt_counter TO samsat_app;
