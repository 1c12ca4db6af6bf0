"""Who may do what with which collection, and with which rows, fields and structures of it. Pure.

Rules only allow. A `Rule` says it once, a `Policy` holds the rules, and a `Grant` is what the rules that
match an identity and a collection come to. Nothing here is enforced: the server's doors do that
(``docs/permissions.md``).
"""
