"""The domain: records, rules, prices, incentives, ledger, allocation, verification, orders. Pure."""
