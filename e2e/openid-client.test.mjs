// openid-client, the widely used OpenID Connect client for Node.js, against each host with both halves.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'

import * as client from 'openid-client'

import { Person, formWith, hasId } from './lib/person.mjs'
import { alice, bob, callback, clients, keyClient, secrets, signedOut } from './lib/seed.mjs'
import { freePort, hosts, startHost } from './lib/servers.mjs'

const SCOPE = 'openid profile email offline_access'

for (const example of hosts) describe(`example-${example}`, () => {
  let host
  let keys

  before(async () => {
    keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', keys.publicKey)
    const publicJwk = { kty, crv, x, y, kid: 'k1', alg: 'ES256', use: 'sig' }
    const seed = { users: [alice, bob], clients: [...Object.values(clients), keyClient(publicJwk)] }
    host = await startHost({ example, port: await freePort(), seed })
  })
  after(() => host?.stop({ secrets }))

  /** Discovery, with signatures of ID tokens verified on top of what the library does by itself. */
  function discover(clientId, authentication, metadata = {}) {
    return client.discovery(new URL(host.issuer), clientId, metadata, authentication, {
      execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
      timeout: 20,
    })
  }
  const basic = (metadata = clients.basic) =>
    discover(metadata.client_id, client.ClientSecretBasic(metadata.client_secret))

  /** A fresh authorization request and what its answer has to match. */
  async function request(config, parameters = {}) {
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const expectedState = client.randomState()
    const expectedNonce = client.randomNonce()
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: callback,
      scope: SCOPE,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
      nonce: expectedNonce,
      ...parameters,
    })
    return { url, checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } }
  }

  async function signIn(config, parameters, who = alice) {
    const { url, checks } = await request(config, parameters)
    const person = new Person(host.issuer, who)
    const { left, html } = await person.authorize(url)
    assert.ok(left, `the browser was not sent back to the client:\n${html}`)
    const tokens = await client.authorizationCodeGrant(config, left, checks)
    return { tokens, person, left, checks }
  }

  /** The protocol's error, by its code. Of a 401 the library tells only that there was a challenge. */
  const refused = (error, status) => (thrown) => {
    if (status === 401) assert.equal(thrown.code, 'OAUTH_WWW_AUTHENTICATE_CHALLENGE', inspect(thrown))
    else assert.equal(thrown.error, error, inspect(thrown))
    assert.equal(thrown.status, status)
    return true
  }

  /** A grant on an old code or token, past what the library would check. */
  const redeem = (config, left, checks) =>
    client.genericGrantRequest(config, 'authorization_code', {
      code: left.searchParams.get('code'),
      redirect_uri: callback,
      code_verifier: checks.pkceCodeVerifier,
    })

  describe('a web client with a secret', () => {
    test('code, ID token, userinfo, refresh, introspection, revocation', async () => {
      const config = await basic()
      const { tokens, left } = await signIn(config)
      assert.equal(left.searchParams.get('iss'), host.issuer)
      assert.equal(tokens.token_type.toLowerCase(), 'bearer')
      assert.equal(tokens.expires_in, 900)
      const claims = tokens.claims()
      assert.equal(claims.iss, host.issuer)
      assert.equal(claims.aud, clients.basic.client_id)
      assert.ok(claims.auth_time > 0)
      assert.ok(claims.at_hash)

      const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
      assert.equal(userinfo.email, alice.email)
      assert.equal(userinfo.name, alice.name)
      assert.equal(userinfo.given_name, alice.given_name)
      assert.equal(typeof userinfo.email_verified, 'boolean')

      const api = await client.fetchProtectedResource(config, tokens.access_token, new URL('/api/me', host.issuer), 'GET')
      assert.equal(api.status, 200)
      assert.equal((await api.json()).sub, claims.sub)

      const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
      assert.notEqual(renewed.refresh_token, tokens.refresh_token, 'refresh tokens rotate')
      assert.notEqual(renewed.access_token, tokens.access_token)
      assert.equal(renewed.claims().sub, claims.sub)

      const told = await client.tokenIntrospection(config, renewed.access_token)
      assert.equal(told.active, true)
      assert.equal(told.client_id, clients.basic.client_id)
      assert.equal(told.sub, claims.sub)
      assert.deepEqual(new Set(told.scope.split(' ')), new Set(SCOPE.split(' ')))
      assert.equal((await client.tokenIntrospection(config, renewed.refresh_token)).active, true)
      assert.deepEqual(await client.tokenIntrospection(config, 'no such token'), { active: false })

      await client.tokenRevocation(config, renewed.refresh_token)
      assert.deepEqual(await client.tokenIntrospection(config, renewed.refresh_token), { active: false })
      await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token), refused('invalid_grant', 400))
      // Revoking what is revoked, or never was, is no error (RFC 7009 §2.2).
      await client.tokenRevocation(config, renewed.refresh_token)
    })

    test('client_secret_post and ES256 ID tokens', async () => {
      const { client_id, client_secret } = clients.post
      const config = await discover(client_id, client.ClientSecretPost(client_secret), {
        id_token_signed_response_alg: 'ES256',
      })
      const { tokens } = await signIn(config)
      const header = JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url'))
      assert.equal(header.alg, 'ES256')
    })

    test('private_key_jwt', async () => {
      const config = await discover('web-key', client.PrivateKeyJwt({ key: keys.privateKey, kid: 'k1' }))
      const { tokens } = await signIn(config)
      assert.ok(tokens.claims().sub)
      const other = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
      const forged = await discover('web-key', client.PrivateKeyJwt({ key: other.privateKey, kid: 'k1' }))
      await assert.rejects(client.refreshTokenGrant(forged, tokens.refresh_token), refused('invalid_client', 401))
    })

    test('client_credentials', async () => {
      const config = await basic()
      const tokens = await client.clientCredentialsGrant(config)
      assert.equal(tokens.refresh_token, undefined)
      assert.equal(tokens.id_token, undefined)
      const told = await client.tokenIntrospection(config, tokens.access_token)
      assert.equal(told.active, true)
      assert.equal(told.client_id, clients.basic.client_id)
    })

    test('form_post', async () => {
      const config = await basic()
      const { url, checks } = await request(config, { response_mode: 'form_post' })
      const page = await new Person(host.issuer, alice).authorize(url)
      assert.equal(page.status, 200)
      const { action, fields } = formWith(page.html, 'continue')
      assert.equal(action, callback)
      const arrived = new Request(action, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(fields),
      })
      const tokens = await client.authorizationCodeGrant(config, arrived, checks)
      assert.ok(tokens.claims().sub)
    })

    test('a first-party client is not asked for consent', async () => {
      const config = await basic(clients.firstParty)
      const { url } = await request(config)
      const person = new Person(host.issuer, alice)
      const page = await person.visit(url)
      const { left, html } = await person.submit(page, 'submit', { email: alice.email, password: alice.password })
      assert.ok(left, `consent was asked for:\n${html}`)
      assert.ok(left.searchParams.get('code'))
    })

    test('consent is remembered', async () => {
      const config = await basic()
      const { person } = await signIn(config, {}, bob)
      const { url } = await request(config)
      const { left, html } = await person.visit(url)
      assert.ok(left, `asked again:\n${html}`)
      assert.ok(left.searchParams.get('code'))
    })

    test('a name with markup is shown as text', async () => {
      const config = await basic()
      const { url } = await request(config, { prompt: 'consent' })
      const person = new Person(host.issuer, bob)
      const page = await person.visit(url)
      const consent = await person.submit(page, 'submit', { email: bob.email, password: bob.password })
      assert.ok(hasId(consent.html, 'allow'))
      assert.ok(!consent.html.includes('<b>Example</b>'))
    })

    test('RP-initiated logout', async () => {
      const config = await basic()
      const { tokens, person } = await signIn(config)
      const out = client.buildEndSessionUrl(config, {
        id_token_hint: tokens.id_token,
        post_logout_redirect_uri: signedOut,
        state: 'out-1',
      })
      let page = await person.visit(out)
      if (!page.left && hasId(page.html, 'logout')) page = await person.submit(page, 'logout')
      assert.equal(page.left?.href, `${signedOut}?state=out-1`, page.html)
      const { url } = await request(config, { prompt: 'none' })
      const answer = await person.visit(url)
      assert.equal(answer.left?.searchParams.get('error'), 'login_required')
    })
  })

  describe('a native app', () => {
    test('any port of the loopback address, no secret', async () => {
      const config = await discover(clients.native.client_id, client.None())
      const redirect_uri = `http://127.0.0.1:${await freePort()}/callback`
      const { tokens } = await signIn(config, { redirect_uri })
      assert.ok(tokens.claims().sub)
      const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
      assert.notEqual(renewed.refresh_token, tokens.refresh_token)
    })
  })

  describe('what is refused', () => {
    test('a wrong redirect_uri, and an unknown client: a page, never a redirect', async () => {
      const config = await basic()
      const person = new Person(host.issuer)
      for (const redirect_uri of [`${callback}/`, 'https://evil.example/', 'https://rp.example.test/CALLBACK']) {
        const { url } = await request(config, { redirect_uri })
        const answer = await person.request(url)
        assert.equal(answer.status, 400, redirect_uri)
        assert.equal(answer.headers.location, undefined)
        assert.ok(hasId(answer.html, 'error'))
      }
      const { url } = await request(config, { client_id: 'nobody' })
      const answer = await person.request(url)
      assert.equal(answer.status, 400)
      assert.ok(hasId(answer.html, 'error'))
    })

    test('no PKCE, plain PKCE, prompt=none without a session, a parameter twice: told to the client', async () => {
      const config = await basic()
      const person = new Person(host.issuer)
      const withoutPkce = (await request(config)).url
      withoutPkce.searchParams.delete('code_challenge')
      withoutPkce.searchParams.delete('code_challenge_method')
      const twice = (await request(config)).url
      twice.searchParams.append('scope', 'openid')
      for (const [url, error] of [
        [withoutPkce, 'invalid_request'],
        [(await request(config, { code_challenge_method: 'plain' })).url, 'invalid_request'],
        [(await request(config, { prompt: 'none' })).url, 'login_required'],
        [(await request(config, { response_type: 'token' })).url, 'unsupported_response_type'],
        [twice, 'invalid_request'],
      ]) {
        const { left, status, html } = await person.visit(url)
        assert.ok(left, `${status} for ${url}\n${html}`)
        assert.equal(left.origin + left.pathname, callback)
        // Where the answer would have been: what names a token is answered in the fragment.
        const answer = left.hash ? new URLSearchParams(left.hash.slice(1)) : left.searchParams
        assert.equal(answer.get('error'), error)
        assert.equal(answer.get('iss'), host.issuer)
        assert.equal(answer.get('state'), url.searchParams.get('state'))
      }
    })

    test('a person who denies', async () => {
      const config = await basic()
      const { url, checks } = await request(config, { prompt: 'consent' })
      const { left } = await new Person(host.issuer, alice).authorize(url, { allow: false })
      await assert.rejects(client.authorizationCodeGrant(config, left, checks), (thrown) => {
        assert.equal(thrown.error, 'access_denied')
        return true
      })
    })

    test('a code used twice: invalid_grant, and what it gave is revoked', async () => {
      const config = await basic()
      const { tokens, left, checks } = await signIn(config)
      await assert.rejects(redeem(config, left, checks), refused('invalid_grant', 400))
      assert.deepEqual(await client.tokenIntrospection(config, tokens.access_token), { active: false })
      await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), refused('invalid_grant', 400))
    })

    test('a wrong verifier, another client’s code, a wrong secret', async () => {
      const config = await basic()
      const person = new Person(host.issuer, alice)
      const first = await request(config)
      const { left } = await person.authorize(first.url)
      const wrong = { pkceCodeVerifier: client.randomPKCECodeVerifier() }
      await assert.rejects(redeem(config, left, wrong), refused('invalid_grant', 400))

      const second = await request(config)
      const again = await person.authorize(second.url)
      const { client_id, client_secret } = clients.post
      const other = await discover(client_id, client.ClientSecretPost(client_secret))
      await assert.rejects(redeem(other, again.left, second.checks), refused('invalid_grant', 400))

      const impostor = await discover(clients.basic.client_id, client.ClientSecretBasic('wrong'))
      await assert.rejects(redeem(impostor, again.left, second.checks), refused('invalid_client', 401))
    })

    test('a refresh token used again after its successor was: the whole family ends', async () => {
      const config = await basic()
      const { tokens } = await signIn(config)
      const second = await client.refreshTokenGrant(config, tokens.refresh_token)
      const third = await client.refreshTokenGrant(config, second.refresh_token)
      await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), refused('invalid_grant', 400))
      await assert.rejects(client.refreshTokenGrant(config, third.refresh_token), refused('invalid_grant', 400))
    })
  })
})
