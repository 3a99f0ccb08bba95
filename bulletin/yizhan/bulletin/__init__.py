"""The quarterly bulletin 季度情报通报 of two counties: figures first, then documents for people.

Rule 1: figures are a pure function of events and obligations: no clock, no database, no order of arrival.
Rule 2: an analyst's text is added to the figures and never replaces them.
Rule 3: one sheet is built once; HTML, PDF, DOCX and CSV only render it.
"""
