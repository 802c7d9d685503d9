-- Who opens a token's issue claims it first. A claim that led to no issue may be taken over later: whoever had it died.
ALTER TABLE retirements ADD COLUMN claimed_at BIGINT;
