"""The audit: compares the log, the counties' books and the charter with each other, and trusts none of them.

Law 5: every result names the statement, the event or the line that it was read from.

Rule 1: nothing here opens a county's store or content: counties give books (``books``), the ledger gives
        statements (``logged``); both are verified before they count.
Rule 2: pure: the instant of the audit and the charters are arguments.
"""
