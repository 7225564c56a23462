-- The yardstick: both settlement files joined with our payments, which were exported to CSV beforehand, each line in its class.
-- A settlement file has records of three kinds, so that its columns are text until the rows are told apart.
SELECT class, count(*) AS lines
FROM (SELECT CASE
        WHEN theirs.reference IS NULL THEN 'MISSING_UPSTREAM'
        WHEN ours.reference IS NULL THEN 'MISSING_HERE'
        WHEN theirs.principal::BIGINT <> ours.principal OR theirs.penalty::BIGINT <> ours.penalty THEN 'AMOUNT'
        WHEN theirs.plate <> ours.plate OR theirs.number <> ours.number OR theirs.document_id <> ours.document_id THEN 'CHANGED_AFTER_PAYMENT'
        ELSE 'MATCHED' END AS class
      FROM (SELECT * FROM read_csv(['BAPENDA.csv', 'JASA_RAHARJA.csv'], header = false, auto_detect = false, delim = ',', quote = '"', null_padding = true,
              columns = {'kind': 'VARCHAR', 'line_no': 'VARCHAR', 'reference': 'VARCHAR', 'number': 'VARCHAR', 'document_id': 'VARCHAR', 'plate': 'VARCHAR',
                         'due_on': 'VARCHAR', 'code': 'VARCHAR', 'beneficiary': 'VARCHAR', 'principal': 'VARCHAR', 'penalty': 'VARCHAR',
                         'booked_at': 'VARCHAR', 'agent': 'VARCHAR', 'status': 'VARCHAR'})
            WHERE kind = 'D') theirs
      FULL JOIN (SELECT * FROM read_csv('ours.csv', header = true, auto_detect = false, delim = ',', quote = '"',
              columns = {'reference': 'VARCHAR', 'number': 'VARCHAR', 'document_id': 'VARCHAR', 'plate': 'VARCHAR', 'due_on': 'VARCHAR', 'code': 'VARCHAR',
                         'beneficiary': 'VARCHAR', 'principal': 'BIGINT', 'penalty': 'BIGINT', 'status': 'VARCHAR'})) ours
        ON theirs.reference = ours.reference AND theirs.due_on = ours.due_on AND theirs.code = ours.code
          AND theirs.beneficiary = ours.beneficiary AND theirs.status = ours.status)
GROUP BY class ORDER BY class;
