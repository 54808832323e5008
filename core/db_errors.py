"""Classification of database errors: temporarily unavailable, or a real error."""

from collections.abc import Iterator

from django.db import InterfaceError, OperationalError

from core.db_availability import NotConnected

# The server became a replica, stops or starts. Django has no exception class for some of these.
_UNAVAILABLE_SQLSTATES = {"25006", "57P01", "57P02", "57P03"}
# Lock timeout, deadlock, serialization failure and canceled query: they concern one statement.
_STATEMENT_SQLSTATES = {"55P03", "40P01", "40001", "57014"}


def is_database_unavailable(error: BaseException | None) -> bool:
    """Return whether `error` was caused by an unavailable database, so that a retry may succeed."""
    return any(
        isinstance(cause, OperationalError | InterfaceError)
        or getattr(cause, "sqlstate", None) in _UNAVAILABLE_SQLSTATES
        for cause in _iter_causes(error)
    )


def was_never_connected(error: BaseException | None) -> bool:
    """Return whether the request never had a connection, so that nothing was saved."""
    return any(isinstance(cause, NotConnected) for cause in _iter_causes(error))


def is_server_unreachable(error: BaseException) -> bool:
    """Return whether the whole database is unavailable, not just a row locked by another transaction."""
    return is_database_unavailable(error) and not any(
        getattr(cause, "sqlstate", None) in _STATEMENT_SQLSTATES for cause in _iter_causes(error)
    )


def _iter_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
