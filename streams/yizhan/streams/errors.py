"""Errors of the station itself; a record's faults are ``schemas.errors.Refused``."""

from yizhan.schemas.errors import YizhanError


class StationError(YizhanError):
    """The station cannot work: the message says what was expected, what was found, what to do."""


class StationBehind(StationError):
    """A period cannot close yet: records from before the closing instant are not processed yet."""
