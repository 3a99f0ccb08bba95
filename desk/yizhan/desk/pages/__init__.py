"""The pages of the desk, a module a group of pages; each lists its routes in ``PAGES``."""
