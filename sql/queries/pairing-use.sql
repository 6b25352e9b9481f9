-- Called by page_login: notes that a pairing code is used; nothing where it was before. Codes of yesterday are of no use.
WITH ended AS (DELETE FROM sungrow_pairings WHERE used_at < now() - interval '1 day')
INSERT INTO sungrow_pairings (code_digest) VALUES (%(code_digest)s) ON CONFLICT (code_digest) DO NOTHING
RETURNING used_at
