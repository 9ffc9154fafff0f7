"""What can go wrong. Every message says what came, what is allowed and what to do."""


class AsklessError(Exception):
    """Base of all errors that a user can mend."""


class ConfigError(AsklessError):
    """A setting that does not exist, has a wrong value, or contradicts another one."""


class DataError(AsklessError):
    """Items, features, labels or annotations that do not fit together."""


class AnswerError(AsklessError):
    """An answer that belongs to no lease or names no class. Nothing of it is kept."""


class StoreError(AsklessError):
    """A log that cannot be read or written."""
