"""What the next page says about what was just tried."""

from idp.flow.transaction import Transaction
from idp.pages.render import Message


def message_of(transaction: Transaction) -> Message | None:
    """Return what a transaction keeps for the next page to say."""
    notice = transaction.notice
    return Message(notice.kind, notice.sentence) if notice is not None else None
