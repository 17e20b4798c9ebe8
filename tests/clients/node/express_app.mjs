// An Express app with express-openid-connect; the first argument holds its settings in JSON. It shows the claims of
// the ID token, and lets only members of the group "editors" see /editors.
import express from 'express'
import openid from 'express-openid-connect'

const given = JSON.parse(process.argv[2])
const app = express()

app.use(openid.auth({
  issuerBaseURL: given.issuer,
  baseURL: given.base_url,
  clientID: given.client_id,
  clientSecret: given.client_secret,
  secret: 'a secret that signs the cookies of this app',
  authRequired: false,
  errorOnRequiredAuth: true, // 401, where the default is to sign in once more
  idpLogout: true,
  routes: { postLogoutRedirect: `${given.base_url}/` },
  authorizationParams: { response_type: 'code', scope: 'openid profile email groups' },
}))
app.get('/', (request, response) => {
  response.json(request.oidc.user ?? null)
})
app.get('/editors', openid.claimIncludes('groups', 'editors'), (_request, response) => {
  response.json('Welcome')
})
app.use((error, _request, response, _next) => {
  response.status(error.status ?? 500).json(error.message)
})
app.listen(Number(new URL(given.base_url).port), '127.0.0.1')
