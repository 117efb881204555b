"""Webhooks: a partner's notices brought to an address of its own, by the specification of Standard Webhooks.

The notices are the outbox: they are written in the transaction of what they are about, numbered for each partner
without gaps. An endpoint follows them from its own cursor, as everything here follows a log, so that each notice comes
at least once and in order. docs/operations.md says what an operator does.
"""
