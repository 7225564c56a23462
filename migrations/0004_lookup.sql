-- Quotes: what both authorities said of one vehicle, bound together, immutable. The answers are kept byte for byte.

CREATE TABLE lookup (
  lookup_id           uuid PRIMARY KEY,
  agent_id            uuid NOT NULL,
  plate               text NOT NULL,      -- as Bapenda spells it
  pay_code            text NOT NULL CONSTRAINT lookup_pay_code_shape CHECK (pay_code ~ '^[0-9]{16}$'),
  business_date       date NOT NULL,
  asked_at            timestamptz NOT NULL,
  expires_at          timestamptz NOT NULL,
  quote               jsonb NOT NULL,     -- vehicle, legs with periods and lines, the shadow check's verdict
  tax_total           bigint NOT NULL CONSTRAINT lookup_tax_not_negative CHECK (tax_total >= 0),
  fee                 bigint NOT NULL CONSTRAINT lookup_fee_not_negative CHECK (fee >= 0),
  bapenda_evidence    bytea NOT NULL,
  bapenda_signature   text NOT NULL,
  jasa_raharja_evidence  bytea NOT NULL,
  jasa_raharja_signature text NOT NULL
) PARTITION BY RANGE (lookup_id);
COMMENT ON TABLE lookup IS 'A quote: immutable, expiring, payable by the agent who asked';
CREATE INDEX lookup_agent ON lookup (agent_id, asked_at);

CREATE TRIGGER lookup_append_only BEFORE UPDATE OR DELETE ON lookup FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE lookup ENABLE ALWAYS TRIGGER lookup_append_only;

CREATE TABLE lookup_miss (
  agent_id uuid NOT NULL,
  at       timestamptz NOT NULL
);
COMMENT ON TABLE lookup_miss IS 'Wrong plates and chassis numbers, counted against guessing';
CREATE INDEX lookup_miss_agent ON lookup_miss (agent_id, at);

-- A quote lives for hours, so its pay code is unique within the month.
SELECT cut_by_month('lookup', 100, '(pay_code)');

GRANT SELECT, INSERT ON lookup, lookup_miss TO samsat_app;
GRANT DELETE ON lookup_miss TO samsat_app;
