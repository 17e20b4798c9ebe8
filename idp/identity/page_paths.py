"""The pages that mails lead to. The pages stand above this room and take their paths from here, so each is
written once."""

ACCOUNT = "/account"
CHALLENGE = "/mfa"
CONFIRM_EMAIL_CHANGE = "/account/email/confirm"
UNDO_EMAIL_CHANGE = "/account/email/undo"
CONNECTIONS = "/account/connections"
RECOVER = "/recover"
REGISTER = "/register"
RESET_PASSWORD = "/recover/reset"
RESTORE_ACCOUNT = "/account/restore"
SECURITY = "/account/security"
VERIFY_EMAIL_LINK = "/verify-email/link"
