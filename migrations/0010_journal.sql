-- What the journal writes of payments, for many at once: one function a table, so that a whole transaction's writing takes
-- one round trip. Each is called with arrays of equal length; what a column means is said at its table.

CREATE FUNCTION insert_payments(ids uuid[], agents uuid[], lookups uuid[], plates text[], amounts bigint[], fees bigint[], fee_holds uuid[],
                                taken timestamptz[], expire timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO payment (payment_id, agent_id, lookup_id, plate, amount, fee, fee_hold_id, state, taken_at, quote_expires_at)
  SELECT i, a, l, p, m, f, h, 'held', t, e FROM unnest(ids, agents, lookups, plates, amounts, fees, fee_holds, taken, expire) u (i, a, l, p, m, f, h, t, e);
END $$;

-- Counted as sent: the first copies may leave as soon as this is committed.
CREATE FUNCTION insert_legs(ids uuid[], ordinals smallint[], authorities text[], refs uuid[], documents text[], amounts bigint[], lines text[],
                            holds uuid[], until timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO payment_leg (payment_id, ordinal, authority, reference, document_id, amount, periods, hold_id, state, not_after)
  SELECT i, o, a, r, d, m, p::json, h, 'sent', n FROM unnest(ids, ordinals, authorities, refs, documents, amounts, lines, holds, until) u (i, o, a, r, d, m, p, h, n);
END $$;

-- Leased to the task that begins them: fencing number 1, by this clock.
CREATE FUNCTION insert_work(ids uuid[], holder_name text, lease_s double precision) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO payment_work (payment_id, fence, holder, lease_until, due_at, tries)
  SELECT i, 1, holder_name, now() + make_interval(secs => lease_s), now(), 0 FROM unnest(ids) u (i);
END $$;

CREATE FUNCTION update_payments(ids uuid[], states text[], reasons text[], titips text[], numbers text[], cancels timestamptz[], confirms timestamptz[],
                                refusals timestamptz[], reversals timestamptz[], reposts timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE payment p SET state = u.state, reason = u.reason, titip_no = u.titip_no, receipt_no = u.receipt_no,
         cancel_requested_at = coalesce(p.cancel_requested_at, u.cancelled), confirmed_at = u.confirmed, refused_at = u.refused,
         reversed_at = u.reversed, reposted_at = u.reposted
  FROM unnest(ids, states, reasons, titips, numbers, cancels, confirms, refusals, reversals, reposts)
       u (payment_id, state, reason, titip_no, receipt_no, cancelled, confirmed, refused, reversed, reposted)
  WHERE p.payment_id = u.payment_id;
END $$;

-- A number that another leg has is refused by leg_number_key.
CREATE FUNCTION insert_bookings(authorities text[], numbers text[], ids uuid[], ordinals smallint[], days date[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO booking (authority, number, payment_id, ordinal, business_date) SELECT * FROM unnest(authorities, numbers, ids, ordinals, days);
END $$;

CREATE FUNCTION update_legs(ids uuid[], ordinals smallint[], states text[], until timestamptz[], refusals text[], numbers text[], booked timestamptz[],
                            days date[], reversal_refs uuid[], answers text[], reversal_days date[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE payment_leg l SET state = u.state, not_after = u.not_after, refusal = u.refusal, number = u.number, booked_at = u.booked_at,
         business_date = u.business_date, reversal_reference = u.reversal_reference, reversal_state = u.reversal_state, reversal_business_date = u.reversal_day
  FROM unnest(ids, ordinals, states, until, refusals, numbers, booked, days, reversal_refs, answers, reversal_days)
       u (payment_id, ordinal, state, not_after, refusal, number, booked_at, business_date, reversal_reference, reversal_state, reversal_day)
  WHERE l.payment_id = u.payment_id AND l.ordinal = u.ordinal;
END $$;

CREATE FUNCTION move_locks(ids uuid[], plates text[], opens boolean[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE vehicle_lock v SET is_open = u.is_open FROM unnest(ids, plates, opens) u (payment_id, plate, is_open)
  WHERE v.plate = u.plate AND v.payment_id = u.payment_id;
END $$;

CREATE FUNCTION end_work(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM payment_work WHERE payment_id = ANY(ids);
END $$;

-- The fencing number grows with every change; without a wait the lease stays with whoever has it.
CREATE FUNCTION move_work(ids uuid[], waits_ms bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE payment_work w SET fence = w.fence + 1, lease_until = CASE WHEN u.ms IS NULL THEN w.lease_until ELSE now() END,
         due_at = coalesce(now() + u.ms * interval '1 millisecond', w.due_at)
  FROM unnest(ids, waits_ms) u (payment_id, ms) WHERE w.payment_id = u.payment_id;
END $$;

CREATE FUNCTION insert_evidence(ids uuid[], authorities text[], operations text[], refs uuid[], statuses smallint[], paths text[], requests bytea[],
                                bodies bytea[], times text[], signatures text[], received timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO evidence (evidence_id, authority, operation, reference, status, path, request_sha256, body, host_timestamp, signature, received_at)
  SELECT * FROM unnest(ids, authorities, operations, refs, statuses, paths, requests, bodies, times, signatures, received);
END $$;
