// A web app that lets people in with your provider.  npm install
// Register the redirect URI http://localhost:9002/callback and the post-logout URI http://localhost:9002/, then run:
// CLIENT_ID=... CLIENT_SECRET=... npm start    (ISSUER if not http://localhost:8000)
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import * as client from 'openid-client'

const issuer = new URL(process.env.ISSUER ?? 'http://localhost:8000')
const baseUrl = process.env.BASE_URL ?? 'http://localhost:9002'
const secure = baseUrl.startsWith('https:')
const sessions = new Map() // In memory: a restart signs everybody out.

const config = await client.discovery(
  issuer,
  process.env.CLIENT_ID,
  undefined,
  client.ClientSecretBasic(process.env.CLIENT_SECRET),
  // Plain http is for a provider on this computer only.
  issuer.protocol === 'http:' ? { execute: [client.allowInsecureRequests] } : undefined,
)

const routes = {
  'GET /': ({ session, page }) =>
    session?.claims
      ? page(200, `<p>Hello, ${escape(session.claims.name ?? session.claims.sub)}.</p>
          <form method="post" action="/logout"><button>Sign out</button></form>`)
      : page(200, '<a href="/login">Sign in</a>'),

  'GET /login': async ({ startSession, redirect }) => {
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() }
    startSession({ checks })
    redirect(client.buildAuthorizationUrl(config, {
      redirect_uri: `${baseUrl}/callback`,
      scope: 'openid profile email',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: checks.expectedState,
      nonce: checks.expectedNonce,
    }))
  },

  'GET /callback': async ({ url, session, endSession, startSession, redirect, page }) => {
    endSession()
    if (!session?.checks) return page(400, '<a href="/login">Please sign in again</a>')
    // Verifies state, iss, PKCE, and the ID token with its nonce.
    const tokens = await client.authorizationCodeGrant(config, url, { ...session.checks, idTokenExpected: true })
    const claims = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
    startSession({ claims, idToken: tokens.id_token })
    redirect('/')
  },

  'POST /logout': ({ session, endSession, redirect }) => {
    endSession()
    if (!session?.idToken) return redirect('/')
    redirect(client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: `${baseUrl}/`,
      id_token_hint: session.idToken,
    }))
  },
}

createServer(async (request, response) => {
  const url = new URL(request.url, baseUrl)
  const id = /(?:^|; )node_example_session=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]
  const page = (status, body) => response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(body)
  try {
    const route = routes[`${request.method} ${url.pathname}`]
    if (!route) return page(404, 'There is no page at this address.')
    await route({
      url,
      page,
      session: sessions.get(id),
      endSession: () => sessions.delete(id),
      startSession: (session) => {
        const fresh = randomBytes(32).toString('base64url')
        sessions.set(fresh, session)
        response.setHeader('set-cookie',
          `node_example_session=${fresh}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`)
      },
      redirect: (to) => response.writeHead(303, { location: String(to) }).end(),
    })
  } catch (error) {
    page(400, `<p>${escape(error.error_description ?? error.message)}</p><a href="/login">Try again</a>`)
  }
}).listen(new URL(baseUrl).port || 9002, () => console.log(`Open ${baseUrl}/`))

function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
