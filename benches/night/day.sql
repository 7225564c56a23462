-- One day with as many lines as asked for: copies of payments that were paid through the gateway (benches/grown/grow.sql)
-- all on the sample's own business date, under plates and numbers that a settlement file can hold; then both authorities'
-- files of that day with planted differences, and how many lines of each class a night must find.
--
-- Run by the superuser in a throw-away database, after grow.sql: `grow.one_day(copies)`, `grow.copies(…)`, `grow.finish(…)`,
-- then `night.plant()`.

ALTER FUNCTION grow.value(text, text, text) RENAME TO usual_value;
CREATE FUNCTION grow.value(name text, column_name text, type text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN column_name = 'plate' THEN 'grow.plate(t.plate, c)'
    WHEN column_name = 'business_date' THEN 't.business_date'
    WHEN column_name = 'number' THEN 'upper(left(md5(t.number || c), 16))'
    ELSE grow.usual_value(name, column_name, type)
  END
$$;

CREATE TABLE grow.plates (plate text PRIMARY KEY, n bigint NOT NULL);

-- As `prepare`, but the copies are of the ten hours before.
CREATE FUNCTION grow.one_day(copies bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM grow.prepare(copies, 0);
  UPDATE grow.pace SET step = greatest(36000000 / copies, 1);
  INSERT INTO grow.plates SELECT plate, row_number() OVER (ORDER BY plate) FROM (SELECT DISTINCT plate FROM grow.payment) p;
  ANALYZE grow.plates;
END $$;

-- Another vehicle's plate for each sample and copy: L, four digits, three letters.
CREATE FUNCTION grow.plate(plate text, c bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT 'L' || 1 + k % 9999 || chr((65 + k / 9999 / 676 % 26)::int) || chr((65 + k / 9999 / 26 % 26)::int) || chr((65 + k / 9999 % 26)::int)
  FROM (SELECT c * 1000 + n AS k FROM grow.plates p WHERE p.plate = $1) x
$$;

CREATE SCHEMA night;

-- The rows of both files, and one row for each class with the number of its lines.
CREATE FUNCTION night.plant() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  day date;
BEGIN
  SELECT DISTINCT business_date INTO STRICT day FROM booking;
  CREATE TABLE night.leg AS
    SELECT l.authority, l.reference, l.number, l.document_id, p.plate, l.periods, l.booked_at,
           row_number() OVER (PARTITION BY l.authority ORDER BY md5(l.reference::text)) AS place
    FROM booking b JOIN payment_leg l USING (payment_id, ordinal) JOIN payment p USING (payment_id);
  -- Of nine kinds of difference, each in one leg of some thousands.
  CREATE TABLE night.kind AS
    SELECT authority, greatest(count(*) / 2000, 1) AS each FROM night.leg GROUP BY authority;
  CREATE TABLE night.line AS
    SELECT l.authority, l.place, row_number() OVER (PARTITION BY l.authority, l.place ORDER BY e.n, x.m) AS n,
           CASE WHEN l.place <= 9 * k.each THEN 1 + (l.place - 1) / k.each ELSE 0 END AS kind,
           l.reference, l.number, l.document_id, l.plate, (e.period->>'due_on')::date AS due_on, x.line->>'code' AS code,
           x.line->>'beneficiary' AS beneficiary, (x.line->>'principal')::bigint AS principal, (x.line->>'penalty')::bigint AS penalty,
           to_char(l.booked_at AT TIME ZONE 'Asia/Jakarta', 'YYYY-MM-DD"T"HH24:MI:SS"+07:00"') AS booked_at, 'PAID' AS status
    FROM night.leg l JOIN night.kind k USING (authority),
         json_array_elements(l.periods) WITH ORDINALITY e (period, n), json_array_elements(e.period->'lines') WITH ORDINALITY x (line, m);
  CREATE TABLE night.row AS
    SELECT authority, place, n, 0 AS again, reference, number, document_id,
           CASE WHEN kind = 6 THEN 'AE1ZZZ' ELSE plate END AS plate,
           CASE WHEN kind = 4 AND n = 1 THEN (due_on - interval '30 years')::date ELSE due_on END AS due_on, code,
           CASE WHEN kind = 3 AND n = 1 THEN CASE beneficiary WHEN '35' THEN '3578' ELSE 'RKUN' END ELSE beneficiary END AS beneficiary,
           CASE WHEN kind = 2 AND n = 1 THEN principal + 1000 ELSE principal END AS principal, penalty, booked_at, status
    FROM night.line WHERE NOT (kind IN (1, 8) AND n = 1)
    UNION ALL
    SELECT authority, place, n, 1, reference, number, document_id, plate, due_on, code, beneficiary, principal, penalty, booked_at, status
    FROM night.line WHERE kind = 5 AND n = 1
    UNION ALL
    SELECT authority, place, n, 1, reference, number, document_id, plate, due_on, code, beneficiary, -principal, -penalty, booked_at, 'REVERSED'
    FROM night.line WHERE kind = 7 AND n = 1
    UNION ALL
    SELECT authority, place, n, again, md5('nobody' || authority || place || again)::uuid, upper(left(md5('no' || authority || place || again), 16)),
           document_id, CASE kind WHEN 8 THEN plate ELSE 'AE2ZZZ' END, due_on, code, beneficiary, principal, penalty, booked_at, status
    FROM night.line, generate_series(2, 3) again WHERE n = 1 AND (kind = 8 OR kind = 9 AND again = 2);
  CREATE TABLE night.expected AS
    SELECT class, count(*) AS n
    FROM night.line, LATERAL (
      SELECT unnest(CASE
        WHEN kind = 6 THEN ARRAY['CHANGED_AFTER_PAYMENT']
        WHEN kind = 0 OR n > 1 THEN ARRAY['MATCHED']
        ELSE CASE kind
          WHEN 1 THEN ARRAY['MISSING_UPSTREAM']
          WHEN 2 THEN ARRAY['AMOUNT']
          WHEN 3 THEN ARRAY['BENEFICIARY']
          WHEN 4 THEN ARRAY['PERIOD']
          WHEN 5 THEN ARRAY['MATCHED', 'DUPLICATE']
          WHEN 7 THEN ARRAY['MATCHED', 'REVERSED_THERE']
          WHEN 8 THEN ARRAY['AMBIGUOUS', 'AMBIGUOUS', 'AMBIGUOUS']
          WHEN 9 THEN ARRAY['MATCHED', 'MISSING_HERE']
        END
      END) AS class) c
    GROUP BY class;
  CREATE TABLE night.file AS
    WITH numbered AS (SELECT *, row_number() OVER (PARTITION BY authority ORDER BY place, again, n) AS line_no FROM night.row),
    codes AS (SELECT authority, string_agg(code || '=' || total, ';' ORDER BY first) AS per_code
              FROM (SELECT authority, code, sum(principal + penalty) AS total, min(line_no) AS first FROM numbered GROUP BY authority, code) c GROUP BY authority)
    SELECT authority, 0::bigint AS line_no, concat_ws(',', 'H', 1, authority, 'OPOP-GATEWAY', day, 1, 1, repeat('0', 64), day || 'T23:05:00+07:00', 'IDR') AS text FROM codes
    UNION ALL
    SELECT authority, line_no, concat_ws(',', 'D', line_no, reference, number, document_id, plate, due_on, code, beneficiary, principal, penalty,
                                         booked_at, 'OPOP-' || lpad((place % 1000)::text, 4, '0'), status)
    FROM numbered
    UNION ALL
    SELECT authority, max(line_no) + 1, concat_ws(',', 'T', count(*), count(DISTINCT reference), sum(principal), sum(penalty), sum(principal + penalty), per_code)
    FROM numbered JOIN codes USING (authority) GROUP BY authority, per_code;
  DROP TABLE night.row;
END $$;
