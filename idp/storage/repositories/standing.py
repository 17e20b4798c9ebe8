"""Whether what was proven still counts, in the words of the database (`idp.identity.generation` says why)."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select

from idp.storage.models import BrowserSession, DisabledBy, Grant, User
from idp.storage.repositories._rows import table_of

_users, _sessions, _grants = table_of(User), table_of(BrowserSession), table_of(Grant)


def account_stands(user_id: ColumnElement[Any], generation: ColumnElement[Any]) -> ColumnElement[bool]:
    """The account is in use, and still in this generation. Wants the table of users in the statement."""
    in_use = (_users.c[by.column].is_(None) for by in DisabledBy)
    return and_(_users.c.id == user_id, _users.c.generation == generation, *in_use)


def session_stands(session_id: ColumnElement[Any], generation: ColumnElement[Any]) -> ColumnElement[bool]:
    """The session has not ended. Wants the table of sessions in the statement."""
    return and_(
        _sessions.c.id == session_id,
        _sessions.c.generation == generation,
        _sessions.c.ended_at.is_(None),
    )


def grant_stands() -> ColumnElement[bool]:
    """The grant of the statement is not revoked, and its account stands."""
    account = select(_users.c.id).where(account_stands(_grants.c.user_id, _grants.c.generation))
    return and_(_grants.c.revoked_at.is_(None), account.exists())


def session_of_grant_stands() -> ColumnElement[bool]:
    """The grant of the statement was made without a session, or in one that has not ended."""
    alive = exists().where(_sessions.c.id == _grants.c.session_id, _sessions.c.ended_at.is_(None))
    return or_(_grants.c.session_id.is_(None), alive)
