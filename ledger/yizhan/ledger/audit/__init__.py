"""The audit: the log, the counties' books and the charter held against each other. Believes none of them.

Law 5: whatever it says names the statement, the letter or the line that it was read from.

Rule 1: nothing here opens a county's store or content: counties give books (``books``), the ledger gives
        statements (``logged``); both are verified before they count.
Rule 2: pure: the instant of the audit, and the charters are arguments.
"""
