"""What a passkey answers, in the JSON that browsers make of it. Members that are not here are ignored: there will
be more of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

EncodedBytes = Annotated[str, Field(max_length=16_384, description="base64url without padding.")]


class AssertionResponse(BaseModel):
    """AuthenticatorAssertionResponseJSON (WebAuthn level 3 §5.1)."""

    client_data_json: EncodedBytes = Field(alias="clientDataJSON")
    authenticator_data: EncodedBytes = Field(alias="authenticatorData")
    signature: EncodedBytes
    user_handle: EncodedBytes | None = Field(None, alias="userHandle")


class Assertion(BaseModel):
    """AuthenticationResponseJSON (WebAuthn level 3 §5.1), as `toJSON()` of the browser's answer gives it."""

    id: EncodedBytes
    raw_id: EncodedBytes = Field(alias="rawId")
    type: Literal["public-key"]
    response: AssertionResponse
