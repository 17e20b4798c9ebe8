// openid-client as it comes from npm, driven line by line: it prints where to send the person, reads from standard
// input where they came back to, and prints what it got. The first argument holds issuer, client and redirect URI.
import { createInterface } from 'node:readline'
import * as client from 'openid-client'

const given = JSON.parse(process.argv[2])
const config = await client.discovery(
  new URL(given.issuer),
  given.client_id,
  undefined,
  client.ClientSecretPost(given.client_secret),
  { execute: [client.allowInsecureRequests] },
)

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() }
const authorization = client.buildAuthorizationUrl(config, {
  redirect_uri: given.redirect_uri,
  scope: 'openid profile email offline_access',
  prompt: 'consent', // OIDC Core 11: offline access is asked for
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: checks.expectedState,
  nonce: checks.expectedNonce,
})
console.log(JSON.stringify({ authorization }))

for await (const line of createInterface({ input: process.stdin })) {
  const tokens = await client.authorizationCodeGrant(config, new URL(line), { ...checks, idTokenExpected: true })
  const { sub } = tokens.claims()
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
  const userinfo = await client.fetchUserInfo(config, refreshed.access_token, sub)
  const introspected = await client.tokenIntrospection(config, refreshed.access_token)
  await client.tokenRevocation(config, refreshed.refresh_token)
  const afterwards = await client.tokenIntrospection(config, refreshed.access_token)
  const logout = client.buildEndSessionUrl(config, {
    post_logout_redirect_uri: given.post_logout_redirect_uri,
    id_token_hint: tokens.id_token,
    state: 'goodbye',
  })
  console.log(JSON.stringify({
    claims: tokens.claims(),
    rotated: tokens.refresh_token !== refreshed.refresh_token,
    renewed: refreshed.claims()?.sub,
    userinfo,
    active: introspected.active,
    activeAfterRevocation: afterwards.active,
    logout,
  }))
  break
}
