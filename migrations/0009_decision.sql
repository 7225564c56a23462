-- What two people decide beyond a reversal. A refused payment whose leg an authority booked all the same may be posted
-- afterwards (reposted): it is confirmed for what was booked, paid from the float and, beyond that, by a claim on the
-- outlet. Its first holds stay void, and it earns no fee. Decisions are found by what they are about.

ALTER TABLE payment ADD COLUMN reposted_at timestamptz;
ALTER TABLE payment ADD CONSTRAINT payment_reposted_whole CHECK (reposted_at IS NULL OR state IN ('confirmed', 'reversing', 'reversed'));
COMMENT ON COLUMN payment.reposted_at IS 'When two people posted what an authority had booked after the refusal';
CREATE INDEX proposal_subject ON proposal (subject);
-- Cash that should have gone back by now.
CREATE INDEX citizen_debt_open ON citizen_debt (since) WHERE returned_at IS NULL;

GRANT UPDATE (reposted_at) ON payment TO samsat_app;
GRANT UPDATE (since) ON citizen_debt TO samsat_app;
