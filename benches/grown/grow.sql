-- A database as it looks after years: every payment of a sample that was paid through the gateway is copied many times,
-- row for row, under ids of the months before. Sums, holds, positions, series and locks are those of real payments; only
-- what authorities and the gateway signed still speaks of the sample.
--
-- Run by the superuser in a throw-away database: `prepare()`, `copies(from, to)` again and again, `finish(copies)`.
CREATE SCHEMA grow;

-- Milliseconds between one copy of the sample and the next.
CREATE TABLE grow.pace (step bigint NOT NULL);

-- The id that copy c of a row has: earlier, otherwise scattered, its last byte (a leg's place) kept.
CREATE FUNCTION grow.id(id uuid, c bigint, step bigint) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (lpad(to_hex(('x' || left(translate(id::text, '-', ''), 12))::bit(48)::bigint - c * step), 12, '0')
          || '7' || substr(md5(left(id::text, 34) || c), 1, 3) || '8' || substr(md5(left(id::text, 34) || c), 4, 13)
          || right(id::text, 2))::uuid
$$;

-- Keeps the rows of one confirmed payment of each agent as they stand, and makes the months that the copies need.
CREATE FUNCTION grow.prepare(copies bigint, months integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO grow.pace SELECT greatest(months * 30 * 86400000::bigint / copies, 1);
  CREATE TABLE grow.sample AS
    SELECT DISTINCT ON (p.agent_id) p.payment_id, p.lookup_id, c.last_n AS grow_last
    FROM payment p JOIN receipt r ON r.receipt_no = p.receipt_no
    JOIN receipt_counter c ON (c.agent_id, c.kind, c.year) = (r.agent_id, r.kind, r.year)
    WHERE p.state = 'confirmed' AND p.titip_no IS NULL ORDER BY p.agent_id, p.payment_id;
  CREATE TABLE grow.payment AS SELECT p.*, s.grow_last FROM payment p JOIN grow.sample s USING (payment_id);
  CREATE TABLE grow.receipt AS SELECT r.*, s.grow_last FROM receipt r JOIN grow.sample s USING (payment_id);
  CREATE TABLE grow.lookup AS
    SELECT k.*, row_number() OVER (ORDER BY lookup_id) AS grow_n FROM lookup k JOIN grow.sample USING (lookup_id);
  CREATE TABLE grow.idempotency_key AS SELECT i.* FROM idempotency_key i JOIN grow.sample USING (payment_id);
  CREATE TABLE grow.payment_leg AS SELECT l.* FROM payment_leg l JOIN grow.sample USING (payment_id);
  CREATE TABLE grow.booking AS SELECT b.* FROM booking b JOIN grow.sample USING (payment_id);
  CREATE TABLE grow.vehicle_lock AS SELECT v.* FROM vehicle_lock v JOIN grow.sample USING (payment_id);
  CREATE TABLE grow.evidence AS SELECT e.* FROM evidence e JOIN grow.sample s ON s.payment_id = payment_of(e.reference);
  CREATE TABLE grow.audit_event AS SELECT e.* FROM audit_event e JOIN grow.sample s ON s.payment_id = e.subject;
  -- Copies of a float's entries follow the last that the agent has now, as copies of a receipt follow its series.
  CREATE TABLE grow.transfer AS
    SELECT t.*, f.seq AS grow_seq, f.available AS grow_available, s.entries AS grow_entries, s.spent AS grow_spent,
           row_number() OVER positions AS grow_place,
           (sum(t.amount) FILTER (WHERE t.float_seq IS NOT NULL) OVER positions)::bigint AS grow_taken
    FROM transfer t JOIN agent_float f ON f.agent_id = t.agent_id
    JOIN (SELECT cause, count(*) AS entries, sum(amount)::bigint AS spent FROM transfer JOIN grow.sample ON payment_id = cause
          WHERE float_seq IS NOT NULL GROUP BY cause) s ON s.cause = t.cause
    WINDOW positions AS (PARTITION BY t.cause ORDER BY t.float_seq NULLS LAST ROWS UNBOUNDED PRECEDING);
  PERFORM make_month((date_trunc('month', now() AT TIME ZONE 'Asia/Jakarta') - n * interval '1 month')::date)
  FROM generate_series(0, months + 1) n;
  -- It looks at the whole table for each statement, which here brings a hundred thousand rows; `verify` looks at the end.
  ALTER TABLE transfer DISABLE TRIGGER transfer_resolution_adds_up;
  ANALYZE;
END $$;

-- How a copy's column differs from its sample's. `t` is the sample's row, `c` the copy, `step` the pace.
CREATE FUNCTION grow.value(name text, column_name text, type text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN type = 'uuid' AND column_name <> 'agent_id' THEN format('grow.id(t.%I, c, step)', column_name)
    WHEN column_name = 'plate' THEN 't.plate || ''G'' || c'
    WHEN column_name = 'key' THEN 'md5(t.key || c)::uuid::text'
    WHEN column_name = 'number' THEN 't.number || ''-'' || c'
    WHEN column_name = 'pay_code' THEN '''9'' || lpad((c * 100000 + t.grow_n)::text, 15, ''0'')'
    WHEN column_name IN ('business_date', 'asked_at') THEN format('(t.%I - c * step / 1000 * interval ''1 s'')::%s', column_name, type)
    WHEN column_name = 'receipt_no' THEN 'regexp_replace(t.receipt_no, ''[0-9]+$'', '''') || lpad((t.grow_last + c)::text, 6, ''0'')'
    WHEN (name, column_name) = ('receipt', 'n') THEN 't.grow_last + c'
    WHEN column_name = 'float_seq' THEN 'CASE WHEN t.float_seq IS NOT NULL THEN t.grow_seq + t.grow_entries * (c - 1) + t.grow_place END'
    WHEN column_name = 'available_after' THEN 'CASE WHEN t.float_seq IS NOT NULL THEN t.grow_available - t.grow_spent * (c - 1) - t.grow_taken END'
    WHEN (name, column_name) = ('audit_event', 'body') THEN 'grow.body(t.body, t.event_id, t.subject, c, step)'
    WHEN (name, column_name) = ('audit_event', 'leaf') THEN 'sha256(''\x00''::bytea || convert_to(grow.body(t.body, t.event_id, t.subject, c, step), ''UTF8''))'
    ELSE format('t.%I', column_name)
  END
$$;

CREATE FUNCTION grow.body(body text, event_id uuid, subject uuid, c bigint, step bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT replace(replace(body, event_id::text, grow.id(event_id, c, step)::text), subject::text, grow.id(subject, c, step)::text)
$$;

-- Copies `first` to `last` of every row of the sample. Columns are read from the catalogue, so that a new one is copied too.
CREATE FUNCTION grow.copies(first bigint, last bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  t text;
  names text;
  what text;
BEGIN
  FOREACH t IN ARRAY ARRAY['lookup', 'idempotency_key', 'payment', 'payment_leg', 'booking', 'vehicle_lock', 'evidence',
                           'transfer', 'audit_event', 'receipt'] LOOP
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum),
           string_agg(grow.value(t, attname::text, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
    INTO names, what
    FROM pg_attribute WHERE attrelid = ('public.' || t)::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM generate_series(%s, %s) c, grow.pace, grow.%I t', t, names, what, first, last, t);
  END LOOP;
END $$;

-- Floats and series stand where their last copy left them; guards are on again.
CREATE FUNCTION grow.finish(copies bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE agent_float f SET seq = f.seq + s.entries * copies, available = f.available - s.spent * copies
  FROM (SELECT DISTINCT agent_id, grow_entries AS entries, grow_spent AS spent FROM grow.transfer) s WHERE s.agent_id = f.agent_id;
  UPDATE receipt_counter c SET last_n = c.last_n + copies
  FROM grow.receipt r WHERE (c.agent_id, c.kind, c.year) = (r.agent_id, r.kind, r.year);
  ALTER TABLE transfer ENABLE ALWAYS TRIGGER transfer_resolution_adds_up;
  DROP SCHEMA grow CASCADE;
END $$;
