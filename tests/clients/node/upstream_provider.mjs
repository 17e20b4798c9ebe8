// An OpenID provider that is not ours (npm oidc-provider), for people to come from.
// usage: node upstream_provider.mjs PORT CLIENTS_JSON ; POST /rotate gives it new keys, as a restart would.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';

const [port, clients] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

function provider() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
  return new Provider(issuer, {
    clients: JSON.parse(clients),
    jwks: { keys: [key] },
    cookies: { keys: ['only-for-tests'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `Node ${id}` }),
    }),
  });
}

let current = provider();
http.createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/rotate') {
    current = provider();
    response.end('rotated');
    return;
  }
  current.callback()(request, response);
}).listen(Number(port), '127.0.0.1');
