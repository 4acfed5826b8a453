// What the OpenID Foundation's plans for OpenID Providers ask, with a client nobody here wrote: registered by itself,
// every flow, request objects, encrypted answers, pairwise subjects, every logout.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'

import * as jose from 'jose'
import * as client from 'openid-client'

import { Person, hasId } from './lib/person.mjs'
import { alice, callback, secrets, signedOut } from './lib/seed.mjs'
import { freePort, startHost } from './lib/servers.mjs'

let host
let rp

/** A server of the client's: what is asked of it, and what it answers. */
async function startRelyingParty() {
  const asked = []
  const documents = new Map()
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      asked.push({ path: request.url, method: request.method, body })
      const document = documents.get(request.url)
      const type = request.url.endsWith('.jwt') ? 'application/jose' : 'application/json'
      response.writeHead(200, { 'content-type': type })
      response.end(document ?? '')
    })
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const base = `http://127.0.0.1:${server.address().port}`
  const until = async (path) => {
    for (let tries = 0; tries < 200; tries++) {
      const found = asked.find((request) => request.path === path)
      if (found) return found
      await new Promise((wake) => setTimeout(wake, 50))
    }
    throw new Error(`${path} was never asked for: ${JSON.stringify(asked)}`)
  }
  return { base, documents, until, stop: () => new Promise((done) => server.close(done)) }
}

before(async () => {
  rp = await startRelyingParty()
  const env = { REGISTRATION: 'open', FLOWS: 'all' }
  host = await startHost({ port: await freePort(), seed: { users: [alice], clients: [] }, env })
})
after(async () => {
  await host?.stop({ secrets })
  await rp?.stop()
})

const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks]

function register(metadata = {}, authentication) {
  return client.dynamicClientRegistration(
    new URL(host.issuer),
    {
      redirect_uris: [callback],
      grant_types: ['authorization_code', 'refresh_token', 'implicit'],
      response_types: ['code', 'id_token', 'code id_token', 'code token', 'id_token token', 'code id_token token'],
      scope: 'openid profile email offline_access',
      ...metadata,
    },
    authentication,
    { execute },
  )
}

/** Without PKCE, as the plans for Basic, Hybrid and Implicit have it. */
async function signIn(config, parameters = {}, person = new Person(host.issuer, alice)) {
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid profile email',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  })
  const { left, html } = await person.authorize(url)
  assert.ok(left, `the browser was not sent back:\n${html}`)
  return { left, person, checks: { expectedState, expectedNonce, idTokenExpected: true } }
}

test('a client registers itself, uses the code flow without PKCE, and manages its registration', async () => {
  const config = await register({ client_name: 'Registered by itself', logo_uri: 'https://rp.example.test/logo.png' })
  const metadata = config.clientMetadata()
  assert.ok(metadata.client_secret && metadata.registration_access_token)
  const { left, checks } = await signIn(config)
  const tokens = await client.authorizationCodeGrant(config, left, checks)
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  assert.equal(userinfo.name, alice.name)
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
  assert.equal(renewed.claims().sub, tokens.claims().sub)

  const own = { headers: { authorization: `Bearer ${metadata.registration_access_token}` } }
  const read = await fetch(metadata.registration_client_uri, own)
  assert.equal((await read.json()).client_name, 'Registered by itself')
  const stranger = await fetch(metadata.registration_client_uri, { headers: { authorization: 'Bearer x' } })
  assert.equal(stranger.status, 401)
  const gone = await fetch(metadata.registration_client_uri, { ...own, method: 'DELETE' })
  assert.equal(gone.status, 204)
  assert.equal((await fetch(metadata.registration_client_uri, own)).status, 401)
  await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token))
})

describe('flows', () => {
  test('implicit: an ID token alone, its claims in it', async () => {
    const config = await register()
    client.useIdTokenResponseType(config)
    const { left, checks } = await signIn(config)
    const claims = await client.implicitAuthentication(config, left, checks.expectedNonce, {
      expectedState: checks.expectedState,
    })
    assert.equal(claims.name, alice.name)
    assert.equal(left.search, '')
  })

  test('hybrid: code and ID token, bound by c_hash', async () => {
    const config = await register()
    client.useCodeIdTokenResponseType(config)
    const { left, checks } = await signIn(config)
    const tokens = await client.authorizationCodeGrant(config, left, checks)
    assert.ok(tokens.access_token && tokens.claims().sub)
  })

  for (const response_type of ['code token', 'id_token token', 'code id_token token']) {
    test(`${response_type} in the fragment and by form_post`, async () => {
      const config = await register()
      const { left, person } = await signIn(config, { response_type })
      const answer = new URLSearchParams(left.hash.slice(1))
      const userinfo = await client.fetchUserInfo(config, answer.get('access_token'), client.skipSubjectCheck)
      assert.equal(userinfo.email, alice.email)
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: callback,
        scope: 'openid profile email',
        nonce: client.randomNonce(),
        response_type,
        response_mode: 'form_post',
      })
      const page = await person.visit(url)
      assert.match(page.html, /name="access_token"/)
      assert.ok(hasId(page.html, 'continue'), 'it can be sent on without a script')
    })
  }

  test('no nonce is fine for the code flow and refused where an ID token passes the front channel', async () => {
    const config = await register()
    const { left, checks } = await signIn(config, { nonce: '' })
    await client.authorizationCodeGrant(config, left, { ...checks, expectedNonce: undefined })
    const refused = await signIn(config, { nonce: '', response_type: 'id_token' })
    assert.equal(new URLSearchParams(refused.left.hash.slice(1)).get('error'), 'invalid_request')
  })

  test('prompt=none, max_age and prompt=login', async () => {
    const config = await register()
    const silent = await signIn(config, { prompt: 'none' })
    assert.equal(silent.left.searchParams.get('error'), 'login_required')
    const first = await signIn(config)
    const before = (await client.authorizationCodeGrant(config, first.left, first.checks)).claims().auth_time
    const again = await signIn(config, { prompt: 'none', max_age: '10000' }, first.person)
    const same = await client.authorizationCodeGrant(config, again.left, again.checks)
    assert.equal(same.claims().auth_time, before)
    await new Promise((wake) => setTimeout(wake, 1100))
    for (const parameters of [{ max_age: '1' }, { prompt: 'login' }]) {
      const anew = await signIn(config, parameters, first.person)
      const tokens = await client.authorizationCodeGrant(config, anew.left, anew.checks)
      assert.ok(tokens.claims().auth_time > before, JSON.stringify(parameters))
    }
  })
})

describe('request objects', () => {
  test('signed by value', async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('RS256', { extractable: true })
    const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'r1', use: 'sig', alg: 'RS256' }
    const config = await register({ jwks: { keys: [jwk] }, request_object_signing_alg: 'RS256' })
    const expectedState = client.randomState()
    const parameters = { redirect_uri: callback, scope: 'openid', state: expectedState, response_type: 'code' }
    const url = await client.buildAuthorizationUrlWithJAR(config, parameters, { key: privateKey, kid: 'r1' })
    // OpenID Connect asks for these outside as well (Core §6.1).
    url.searchParams.set('response_type', 'code')
    url.searchParams.set('scope', 'openid')
    const { left } = await new Person(host.issuer, alice).authorize(url)
    const tokens = await client.authorizationCodeGrant(config, left, { expectedState, idTokenExpected: true })
    assert.ok(tokens.claims().sub)
  })

  test('unsigned and signed, at a registered request_uri', async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('RS256', { extractable: true })
    const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'r1', use: 'sig', alg: 'RS256' }
    rp.documents.set('/jwks', JSON.stringify({ keys: [jwk] }))
    const inside = { response_type: 'code', redirect_uri: callback, state: 'inside', scope: 'openid' }
    for (const [alg, document] of [
      ['none', new jose.UnsecuredJWT(inside).encode()],
      ['RS256', await new jose.SignJWT(inside).setProtectedHeader({ alg: 'RS256', kid: 'r1' }).sign(privateKey)],
    ]) {
      const path = `/request-${alg}.jwt`
      rp.documents.set(path, document)
      const config = await register({
        jwks_uri: `${rp.base}/jwks`,
        // With a hash of what is not there yet, as the plans register it (Core §6.2).
        request_uris: [`${rp.base}${path}#${'A'.repeat(43)}`],
        request_object_signing_alg: alg,
      })
      const parameters = { redirect_uri: callback, scope: 'openid', state: 'outside', request_uri: `${rp.base}${path}#${'A'.repeat(43)}` }
      const { left } = await new Person(host.issuer, alice).authorize(client.buildAuthorizationUrl(config, parameters))
      assert.equal(left.searchParams.get('state'), 'inside', String(left))
      assert.ok(left.searchParams.get('code'))
    }
  })
})

test('ID token and UserInfo, signed and encrypted as registered', async () => {
  const { privateKey, publicKey } = await jose.generateKeyPair('RSA-OAEP-256', { extractable: true })
  const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'e1', use: 'enc', alg: 'RSA-OAEP-256' }
  const config = await register({
    jwks: { keys: [jwk] },
    id_token_encrypted_response_alg: 'RSA-OAEP-256',
    id_token_encrypted_response_enc: 'A256GCM',
    userinfo_signed_response_alg: 'ES256',
    userinfo_encrypted_response_alg: 'RSA-OAEP-256',
  })
  client.enableDecryptingResponses(config, ['A256GCM', 'A128CBC-HS256'], { key: privateKey, kid: 'e1' })
  const { left, checks } = await signIn(config)
  const tokens = await client.authorizationCodeGrant(config, left, checks)
  assert.equal(tokens.id_token.split('.').length, 5)
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  assert.equal(userinfo.name, alice.name)
})

test('pairwise subjects differ by sector, and a sector is joined only when its site says so', async () => {
  const subject = async (metadata) => {
    const config = await register({ subject_type: 'pairwise', ...metadata })
    const redirect_uri = metadata.redirect_uris?.[0] ?? callback
    const { left, checks } = await signIn(config, { redirect_uri })
    return (await client.authorizationCodeGrant(config, left, checks)).claims().sub
  }
  const [first, again, other] = [
    await subject({}),
    await subject({}),
    await subject({ redirect_uris: ['https://other.example.test/callback'] }),
  ]
  assert.equal(first, again)
  assert.notEqual(first, other)
  rp.documents.set('/sector.json', JSON.stringify(['https://elsewhere.example.test/callback']))
  await assert.rejects(register({ sector_identifier_uri: `${rp.base}/sector.json` }))
  rp.documents.set('/sector.json', JSON.stringify([callback]))
  await register({ sector_identifier_uri: `${rp.base}/sector.json`, subject_type: 'pairwise' })
})

describe('registration refuses', () => {
  for (const [what, metadata, error] of [
    ['a fragment', { redirect_uris: [`${callback}#x`] }, 'invalid_redirect_uri'],
    ['no redirect URI', { redirect_uris: [] }, 'invalid_redirect_uri'],
    ['an http initiate_login_uri', { initiate_login_uri: 'http://rp.example.test/login' }, 'invalid_client_metadata'],
    ['a number for a name', { client_name: 7 }, 'invalid_client_metadata'],
    ['an unknown algorithm', { id_token_signed_response_alg: 'HS256' }, 'invalid_client_metadata'],
  ]) {
    test(what, async () => {
      const { registration_endpoint } = await (
        await fetch(`${host.issuer}/.well-known/openid-configuration`)
      ).json()
      const answer = await fetch(registration_endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ redirect_uris: [callback], ...metadata }),
      })
      assert.equal(answer.status, 400)
      assert.equal((await answer.json()).error, error)
    })
  }

  test('nothing of an initiate_login_uri over https', async () => {
    const initiate_login_uri = 'https://rp.example.test/login'
    const config = await register({ initiate_login_uri })
    assert.equal(config.clientMetadata().initiate_login_uri, initiate_login_uri)
  })
})

describe('logout', () => {
  test('every channel is told, with the right session, and prompt=none fails afterwards', async () => {
    const config = await register({
      redirect_uris: [callback],
      post_logout_redirect_uris: [signedOut],
      backchannel_logout_uri: `${rp.base}/back`,
      backchannel_logout_session_required: true,
      frontchannel_logout_uri: 'https://rp.example.test/front',
      frontchannel_logout_session_required: true,
    })
    const { left, checks, person } = await signIn(config)
    assert.ok(left.searchParams.get('session_state'))
    const tokens = await client.authorizationCodeGrant(config, left, checks)
    const { sid } = tokens.claims()
    assert.ok(sid)
    const page = await person.visit(
      client.buildEndSessionUrl(config, {
        post_logout_redirect_uri: signedOut,
        id_token_hint: tokens.id_token,
        state: 'after',
      }),
    )
    const frame = page.html.match(/<iframe[^>]*src="([^"]*)"/)?.[1].replaceAll('&amp;', '&').replaceAll('&#x2f;', '/')
    const front = new URL(frame)
    assert.equal(front.searchParams.get('sid'), sid)
    assert.equal(front.searchParams.get('iss'), host.issuer)
    assert.ok(page.html.includes('state=after'), 'the way on keeps its state')

    const told = await rp.until('/back')
    const token = new URLSearchParams(told.body).get('logout_token')
    const { jwks_uri } = config.serverMetadata()
    const keys = jose.createRemoteJWKSet(new URL(jwks_uri))
    const { payload, protectedHeader } = await jose.jwtVerify(token, keys, {
      issuer: host.issuer,
      audience: config.clientMetadata().client_id,
    })
    assert.equal(protectedHeader.typ, 'logout+jwt')
    assert.equal(payload.sid, sid)
    assert.ok(payload.events['http://schemas.openid.net/event/backchannel-logout'])
    assert.equal(payload.nonce, undefined)

    const silent = await signIn(config, { prompt: 'none' }, person)
    assert.equal(silent.left.searchParams.get('error'), 'login_required')
  })

  test('nobody is signed out unasked, or sent to an address that is not registered', async () => {
    const config = await register({ post_logout_redirect_uris: [signedOut] })
    const { left, checks, person } = await signIn(config)
    const tokens = await client.authorizationCodeGrant(config, left, checks)
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${tokens.id_token.split('.')[1]}.`
    for (const query of [
      '',
      `?id_token_hint=${none}`,
      `?id_token_hint=${tokens.id_token}&post_logout_redirect_uri=${encodeURIComponent(`${signedOut}?x=1`)}`,
      `?post_logout_redirect_uri=${encodeURIComponent('https://evil.example.test/')}`,
    ]) {
      const page = await person.visit(`${config.serverMetadata().end_session_endpoint}${query}`)
      assert.equal(page.left, undefined, query)
      const still = await signIn(config, { prompt: 'none' }, person)
      assert.ok(still.left.searchParams.get('code'), query)
    }
  })
})
