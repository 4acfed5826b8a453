// oauth4webapi, the strict low-level client: every check it can make, made.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import * as oauth from 'oauth4webapi'

import { Person } from './lib/person.mjs'
import { alice, callback, clients, secrets } from './lib/seed.mjs'
import { freePort, startHost } from './lib/servers.mjs'

const SCOPE = 'openid profile email offline_access'
const insecure = { [oauth.allowInsecureRequests]: true }

let host
let as
const web = { client_id: clients.basic.client_id }
const authentication = oauth.ClientSecretBasic(clients.basic.client_secret)

before(async () => {
  host = await startHost({ port: await freePort(), seed: { users: [alice], clients: Object.values(clients) } })
  const issuer = new URL(host.issuer)
  as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
})
after(() => host?.stop({ secrets }))

async function signIn(parameters = {}) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: web.client_id,
    redirect_uri: callback,
    response_type: 'code',
    scope: SCOPE,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  })
  const { left, html } = await new Person(host.issuer, alice).authorize(url)
  assert.ok(left, html)
  // Checks state and, as the issuer promises it, iss (RFC 9207).
  const answer = oauth.validateAuthResponse(as, web, left, state)
  const response = await oauth.authorizationCodeGrantRequest(
    as, web, authentication, answer, callback, verifier, insecure,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, web, response, {
    expectedNonce: nonce,
    maxAge: 300,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(as, response, insecure)
  return { tokens, claims: oauth.getValidatedIdTokenClaims(tokens), left }
}

/** What an API would check of an access token (RFC 9068 §4). */
const validate = (accessToken, audience, options = {}) =>
  oauth.validateJwtAccessToken(
    as,
    new Request(new URL('/api/me', host.issuer), { headers: { authorization: `Bearer ${accessToken}` } }),
    audience,
    { ...insecure, ...options },
  )

test('discovery promises what the clients here rely on', () => {
  assert.equal(as.authorization_response_iss_parameter_supported, true)
  assert.deepEqual(as.code_challenge_methods_supported, ['S256'])
  for (const name of ['jwks_uri', 'userinfo_endpoint', 'introspection_endpoint', 'revocation_endpoint', 'end_session_endpoint']) {
    assert.ok(as[name].startsWith(`${host.issuer}/`), name)
  }
})

test('RFC 8414 metadata says the same as OpenID Connect discovery', async () => {
  const issuer = new URL(host.issuer)
  const response = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
  assert.deepEqual(await oauth.processDiscoveryResponse(issuer, response), as)
})

test('code, ID token, at+jwt, userinfo', async () => {
  const { tokens, claims } = await signIn({ max_age: '300' })
  assert.ok(claims.auth_time)
  assert.ok(claims.at_hash)

  const access = await validate(tokens.access_token, host.issuer)
  assert.equal(access.sub, claims.sub)
  assert.equal(access.client_id, web.client_id)
  assert.equal(access.exp - access.iat, 900)
  assert.ok(access.jti)
  // An ID token is no access token, and an access token for here is none for elsewhere.
  await assert.rejects(validate(tokens.id_token, web.client_id))
  await assert.rejects(validate(tokens.access_token, 'https://elsewhere.example'))

  const response = await oauth.userInfoRequest(as, web, tokens.access_token, insecure)
  const userinfo = await oauth.processUserInfoResponse(as, web, claims.sub, response)
  assert.equal(userinfo.email, alice.email)
})

test('refresh, introspection, revocation', async () => {
  const { tokens, claims } = await signIn()
  const renewal = await oauth.refreshTokenGrantRequest(as, web, authentication, tokens.refresh_token, insecure)
  const renewed = await oauth.processRefreshTokenResponse(as, web, renewal)
  assert.notEqual(renewed.refresh_token, tokens.refresh_token)
  assert.equal(oauth.getValidatedIdTokenClaims(renewed)?.sub, claims.sub)

  const introspect = async (token) => {
    const response = await oauth.introspectionRequest(as, web, authentication, token, insecure)
    return oauth.processIntrospectionResponse(as, web, response)
  }
  assert.equal((await introspect(renewed.access_token)).active, true)
  const revocation = await oauth.revocationRequest(as, web, authentication, renewed.refresh_token, insecure)
  await oauth.processRevocationResponse(revocation)
  assert.equal((await introspect(renewed.refresh_token)).active, false)
  // RFC 7009 §2.1: with the refresh token goes the access token of the same grant.
  assert.equal((await introspect(renewed.access_token)).active, false)
})

test('client_credentials', async () => {
  const response = await oauth.clientCredentialsGrantRequest(as, web, authentication, {}, insecure)
  const tokens = await oauth.processClientCredentialsResponse(as, web, response)
  const access = await validate(tokens.access_token, host.issuer)
  assert.equal(access.client_id, web.client_id)
  // RFC 9068 §2.2: without a person the subject is the client.
  assert.equal(access.sub, web.client_id)
})

test('the API answers as RFC 6750 says', async () => {
  const call = (headers) => fetch(new URL('/api/me', host.issuer), { headers })
  const bare = await call({})
  assert.equal(bare.status, 401)
  assert.match(bare.headers.get('www-authenticate'), /^Bearer/)
  assert.doesNotMatch(bare.headers.get('www-authenticate'), /error=/)

  const bad = await call({ authorization: 'Bearer not.a.token' })
  assert.equal(bad.status, 401)
  assert.match(bad.headers.get('www-authenticate'), /error="invalid_token"/)

  const { tokens } = await signIn({ scope: 'openid' })
  const little = await call({ authorization: `Bearer ${tokens.access_token}` })
  assert.equal(little.status, 403)
  assert.match(little.headers.get('www-authenticate'), /error="insufficient_scope"/)
  assert.match(little.headers.get('www-authenticate'), /scope="profile"/)
  // An ID token opens nothing.
  assert.equal((await call({ authorization: `Bearer ${tokens.id_token}` })).status, 401)
})

test('a browser app may read what it needs from another origin', async () => {
  const headers = { origin: 'https://spa.example' }
  for (const url of [`${host.issuer}/.well-known/openid-configuration`, as.jwks_uri]) {
    assert.equal((await fetch(url, { headers })).headers.get('access-control-allow-origin'), '*', url)
  }
  const preflight = await fetch(as.userinfo_endpoint, {
    method: 'OPTIONS',
    headers: { ...headers, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
  })
  assert.equal(preflight.headers.get('access-control-allow-origin'), '*')
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/i)
})
