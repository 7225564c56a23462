-- What happened, who did it, in the transaction in which it happened. `body` is the canonical JSON of the whole event
-- and `leaf` its RFC 9162 leaf hash, SHA-256(0x00 || body). Personal data stands in it only as salted hashes.

CREATE TABLE audit_event (
  event_id uuid PRIMARY KEY,
  at       timestamptz NOT NULL,
  actor    text NOT NULL,
  action   text NOT NULL,
  subject  uuid,
  body     text NOT NULL,
  leaf     bytea NOT NULL CONSTRAINT audit_leaf_is_sha256 CHECK (octet_length(leaf) = 32)
) PARTITION BY RANGE (event_id);
COMMENT ON TABLE audit_event IS 'Facts in the order in which they became true; append-only';
CREATE INDEX audit_event_subject ON audit_event (subject);

CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append_only;
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_no_truncate;

CREATE FUNCTION append_events(event_ids uuid[], ats timestamptz[], actors text[], actions text[], subjects uuid[], bodies text[], leaves bytea[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_event (event_id, at, actor, action, subject, body, leaf)
  SELECT * FROM unnest(event_ids, ats, actors, actions, subjects, bodies, leaves) ON CONFLICT (event_id) DO NOTHING;
END $$;

SELECT cut_by_month('audit_event', 100);

GRANT SELECT, INSERT ON audit_event TO samsat_app;
