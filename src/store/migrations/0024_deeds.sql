-- What an operator did to a credential at Zendesk, in an order to tell of it. An earlier release, which does not know the
-- column, takes it for an order to try again, and that changes nothing of what lives or ends.
ALTER TABLE orders ADD COLUMN deed TEXT;
