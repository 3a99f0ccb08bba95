"""The quarterly bulletin 季度情报通报 of two counties: figures first, then what people read.

Rule 1: figures are a pure function of letters and obligations: no clock, no database, no order of arrival.
Rule 2: what an analyst writes stands beside the figures and never in their place.
Rule 3: one sheet is built once; HTML, PDF, DOCX and CSV only draw it.
"""
