-- The night. What the authorities' files said and what each run made of it is history: files, runs and their lines are
-- append-only, and the newest run of a date is the one in force. Only two things move: claims (which night's file holds
-- a line; a superseded run releases its own, so that the line can be claimed again) and the scheduler's own notes.
-- A file stands here only once a published night used it: a refused file, or one of a night that was not published,
-- leaves no row. It is kept in parts, because a province's busiest day is larger than one comfortable value.

CREATE TABLE settlement_file (
  authority       text NOT NULL CONSTRAINT settlement_authority_known CHECK (authority IN ('BAPENDA', 'JASA_RAHARJA')),
  business_date   date NOT NULL,
  revision        integer NOT NULL CONSTRAINT settlement_revision_positive CHECK (revision > 0),
  sequence        bigint NOT NULL CONSTRAINT settlement_sequence_positive CHECK (sequence > 0),
  sha256          bytea NOT NULL CONSTRAINT settlement_is_sha256 CHECK (octet_length(sha256) = 32),
  previous_sha256 bytea NOT NULL CONSTRAINT settlement_previous_is_sha256 CHECK (octet_length(previous_sha256) = 32),
  row_count       integer NOT NULL CONSTRAINT settlement_rows_not_negative CHECK (row_count >= 0),
  total           bigint NOT NULL,        -- reversals with their sign
  signature       text NOT NULL,          -- X-Signature of the answer
  host_timestamp  text NOT NULL,          -- X-Timestamp of the answer, part of what is signed
  taken_at        timestamptz NOT NULL,
  CONSTRAINT settlement_file_pkey PRIMARY KEY (authority, business_date, revision)
);
COMMENT ON TABLE settlement_file IS 'A revision of an authority''s file that a published night used';

CREATE TABLE settlement_part (
  authority     text NOT NULL,
  business_date date NOT NULL,
  revision      integer NOT NULL,
  part_no       integer NOT NULL CONSTRAINT settlement_part_not_negative CHECK (part_no >= 0),
  bytes         bytea NOT NULL,
  CONSTRAINT settlement_part_pkey PRIMARY KEY (authority, business_date, revision, part_no),
  CONSTRAINT settlement_part_file FOREIGN KEY (authority, business_date, revision) REFERENCES settlement_file
);
COMMENT ON TABLE settlement_part IS 'The exact bytes of a file: the evidence that its signature covers, in order of part_no';

CREATE TABLE night_run (
  run_id          uuid PRIMARY KEY,
  business_date   date NOT NULL,
  revision        integer NOT NULL CONSTRAINT night_revision_positive CHECK (revision > 0),
  rule_version    text NOT NULL,
  line_count      integer NOT NULL CONSTRAINT night_lines_not_negative CHECK (line_count >= 0),
  counts          jsonb NOT NULL,         -- lines by class
  amounts         jsonb NOT NULL,         -- rupiah by class
  cases_opened    integer NOT NULL,
  cases_carried   integer NOT NULL,
  doubts_resolved integer NOT NULL,
  result_sha256   bytea NOT NULL CONSTRAINT night_result_is_sha256 CHECK (octet_length(result_sha256) = 32),
  signature       text NOT NULL,          -- base64 Ed25519 of the receipts' key over the run's statement
  published_at    timestamptz NOT NULL,
  CONSTRAINT night_run_revision_key UNIQUE (business_date, revision)
);
COMMENT ON TABLE night_run IS 'A published reconciliation of a business date; its newest revision is in force';

CREATE TABLE night_input (
  run_id        uuid NOT NULL REFERENCES night_run,
  authority     text NOT NULL,
  business_date date NOT NULL,
  revision      integer NOT NULL,
  CONSTRAINT night_input_pkey PRIMARY KEY (run_id, authority),
  CONSTRAINT night_input_file FOREIGN KEY (authority, business_date, revision) REFERENCES settlement_file
);
COMMENT ON TABLE night_input IS 'The files that a run used: all of its date, or there is no run';

CREATE TABLE night_line (
  run_id          uuid NOT NULL REFERENCES night_run,
  ordinal         integer NOT NULL,       -- place in the canonical order
  class           text NOT NULL CONSTRAINT night_class_known CHECK (class IN
    ('MATCHED', 'EXPECTED', 'MISSING_UPSTREAM', 'MISSING_HERE', 'AMOUNT', 'BENEFICIARY', 'PERIOD', 'DUPLICATE', 'AMBIGUOUS',
     'REVERSED_THERE', 'CHANGED_AFTER_PAYMENT', 'DOUBT_RESOLVED', 'LATE_SUCCESS')),
  note            text NOT NULL,
  authority       text NOT NULL,
  reference       uuid NOT NULL,          -- what follows is the file's row, or ours where the file has none
  due_on          date NOT NULL,
  code            text NOT NULL,
  beneficiary     text NOT NULL,
  status          text NOT NULL CONSTRAINT night_line_status_known CHECK (status IN ('PAID', 'REVERSED')),
  number          text,
  document_id     text,
  plate           text NOT NULL,
  here_principal  bigint,                 -- null when we have no such line
  here_penalty    bigint,
  there_principal bigint,                 -- null when the file has no such row
  there_penalty   bigint,
  line_no         integer,                -- in the authority's file
  ours            text,                   -- our line in full where it differs from the row, canonical JSON
  CONSTRAINT night_line_pkey PRIMARY KEY (run_id, ordinal),
  CONSTRAINT night_line_here_whole CHECK ((here_principal IS NULL) = (here_penalty IS NULL)),
  CONSTRAINT night_line_there_whole CHECK ((there_principal IS NULL) = (there_penalty IS NULL)
    AND (there_principal IS NULL) = (line_no IS NULL)),
  CONSTRAINT night_line_of_someone CHECK (here_principal IS NOT NULL OR there_principal IS NOT NULL)
);
COMMENT ON TABLE night_line IS 'Each line of both sides with its class, in exactly one place';
CREATE INDEX night_line_class ON night_line (run_id, class, ordinal);

CREATE TABLE settlement_claim (
  reference     uuid NOT NULL,
  due_on        date NOT NULL,
  code          text NOT NULL,
  beneficiary   text NOT NULL,
  status        text NOT NULL CONSTRAINT claim_status_known CHECK (status IN ('PAID', 'REVERSED')),
  business_date date NOT NULL,
  run_id        uuid NOT NULL,
  CONSTRAINT settlement_claim_line PRIMARY KEY (reference, due_on, code, beneficiary, status)
);
COMMENT ON TABLE settlement_claim IS 'Which night in force found a line of ours: one at most, over all dates';
CREATE INDEX settlement_claim_date ON settlement_claim (business_date);

CREATE TABLE settlement_resolution (
  reference     uuid PRIMARY KEY,
  authority     text NOT NULL,
  business_date date NOT NULL,
  resolved_at   timestamptz NOT NULL
);
COMMENT ON TABLE settlement_resolution IS 'Legs whose doubt the file of that date ended; written with the move itself, so that every re-run says so';

CREATE TABLE job_lease (
  name   text PRIMARY KEY,
  holder uuid NOT NULL,
  fence  bigint NOT NULL,                 -- grows with each new holder
  until  timestamptz NOT NULL             -- by the database's clock
);
COMMENT ON TABLE job_lease IS 'Who runs a job that only one gateway may run';
INSERT INTO job_lease VALUES ('night-publish', '00000000-0000-0000-0000-000000000000', 0, '-infinity');

CREATE TABLE night_attempt (
  business_date date PRIMARY KEY,
  tries         integer NOT NULL,
  next_try_at   timestamptz NOT NULL,
  reason        text NOT NULL
);
COMMENT ON TABLE night_attempt IS 'Dates that could not be published yet, why, and when they are tried again';

-- What was reversed on a day; what was booked on a day is in `booking`.
CREATE INDEX payment_leg_reversal_day ON payment_leg (authority, reversal_business_date, reference)
  WHERE reversal_business_date IS NOT NULL;

-- A leg with what the night asks of it, said once.
CREATE VIEW night_leg AS
  SELECT l.payment_id, l.ordinal, l.authority, l.reference, l.document_id, l.amount, l.periods, l.state AS leg_state, l.not_after,
         l.number, l.business_date, l.reversal_state, l.reversal_business_date,
         p.plate, p.state AS payment_state, p.taken_at,
         r.business_date AS resolved_on
    FROM payment_leg l
    JOIN payment p ON p.payment_id = l.payment_id
    LEFT JOIN settlement_resolution r ON r.reference = l.reference;
COMMENT ON VIEW night_leg IS 'Legs as the night reads them';

CREATE TRIGGER settlement_file_append_only BEFORE UPDATE OR DELETE ON settlement_file FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER settlement_part_append_only BEFORE UPDATE OR DELETE ON settlement_part FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER night_run_append_only BEFORE UPDATE OR DELETE ON night_run FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER night_input_append_only BEFORE UPDATE OR DELETE ON night_input FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER night_line_append_only BEFORE UPDATE OR DELETE ON night_line FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER settlement_resolution_append_only BEFORE UPDATE OR DELETE ON settlement_resolution FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE settlement_file ENABLE ALWAYS TRIGGER settlement_file_append_only;
ALTER TABLE settlement_part ENABLE ALWAYS TRIGGER settlement_part_append_only;
ALTER TABLE night_run ENABLE ALWAYS TRIGGER night_run_append_only;
ALTER TABLE night_input ENABLE ALWAYS TRIGGER night_input_append_only;
ALTER TABLE night_line ENABLE ALWAYS TRIGGER night_line_append_only;
ALTER TABLE settlement_resolution ENABLE ALWAYS TRIGGER settlement_resolution_append_only;

GRANT SELECT, INSERT ON settlement_file, settlement_part, night_run, night_input, night_line, settlement_resolution,
  settlement_claim, job_lease, night_attempt TO samsat_app;
GRANT DELETE ON settlement_claim, night_attempt TO samsat_app;
GRANT UPDATE (holder, fence, until) ON job_lease TO samsat_app;
GRANT UPDATE (tries, next_try_at, reason) ON night_attempt TO samsat_app;
GRANT SELECT ON night_leg TO samsat_app;
