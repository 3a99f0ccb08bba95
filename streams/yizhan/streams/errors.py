"""What can go wrong at the station itself; a record's faults are ``schemas.errors.Refused``."""

from yizhan.schemas.errors import YizhanError


class StationError(YizhanError):
    """The station cannot work: the sentence says what was expected, what came, what to do."""


class StationBehind(StationError):
    """A period cannot close yet: records from before the closing instant were not yet processed."""
