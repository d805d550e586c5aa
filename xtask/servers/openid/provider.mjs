// A real, certified OpenID provider with a few people, for the tests.
//   node provider.mjs PORT CALLBACK
// CALLBACK is where the web client's browsers are sent back to. SIGHUP changes its keys.
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';

const [port, callback] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const SCOPES = 'incidents:read incidents:write actions:approve tools:manage';
// Groups by person; who has none is known and has no role.
const people = {
  ada: ['responders'], bob: ['responders'], grace: ['admins'], vic: ['viewers'], nil: [],
};
const claims = (id) => ({ sub: id, name: id[0].toUpperCase() + id.slice(1), ...(people[id].length > 0 && { groups: people[id] }) });

let serial = 0;
const key = () => ({ ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid: `k${++serial}`, alg: 'RS256', use: 'sig' });

const provider = () => new Provider(issuer, {
  jwks: { keys: [key()] },
  clients: [
    { client_id: 'web', client_secret: 'web-secret-for-tests-only', redirect_uris: [callback], grant_types: ['authorization_code'], response_types: ['code'] },
    { client_id: 'cli', token_endpoint_auth_method: 'none', application_type: 'native', redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'], response_types: ['code'] },
    { client_id: 'robot', client_secret: 'robot-secret-for-tests-only', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
  ],
  scopes: ['openid', 'profile', ...SCOPES.split(' ')],
  claims: { openid: ['sub'], profile: ['name', 'groups'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (_, id) => id in people && { accountId: id, claims: () => claims(id) },
  extraTokenClaims: (_, token) => (token.accountId ? claims(token.accountId) : undefined),
  features: {
    devInteractions: { enabled: true }, clientCredentials: { enabled: true }, deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true, defaultResource: () => 'urn:datapulse', useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: SCOPES, audience: 'datapulse', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
    },
  },
  cookies: { keys: ['for-tests-only'] },
  ttl: { AccessToken: 3600, ClientCredentials: 3600 },
});

let serve = provider().callback();
// A new provider with another key under the same address: what a rotation looks like from outside.
process.on('SIGHUP', () => { serve = provider().callback(); console.log('rotated'); });
http.createServer((request, response) => serve(request, response)).listen(Number(port), '127.0.0.1', () => console.log(`ready ${issuer}`));
