"""What the next page says about what was just tried."""

from idp.flow.notices import sentence_of
from idp.flow.transaction import Transaction
from idp.pages.render import Message


def message_of(transaction: Transaction) -> Message | None:
    """Return what a transaction keeps for the next page to say."""
    if transaction.notice is None:
        return None
    return Message(transaction.notice["kind"], sentence_of(transaction.notice))
