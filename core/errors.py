"""Errors that the actions of several apps raise."""


class EditConflict(Exception):
    """The object was changed by another user since the form was opened."""
