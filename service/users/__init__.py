"""People who sign in: supervisors and auditors of partners, with a password and a second factor.

docs/operations.md says how they are administered, docs/security.md against whom the parts defend.
"""
