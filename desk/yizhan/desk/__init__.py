"""The desk: a county's web pages, for its officers; every rule is in ``yizhan.services``."""
