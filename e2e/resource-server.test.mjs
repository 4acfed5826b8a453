// The API with the resource half alone: tokens of an issuer elsewhere, which may start after it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import * as client from 'openid-client'

import { launch, withProfile } from './lib/browser.mjs'
import { Person } from './lib/person.mjs'
import { alice, callback, clients, secrets, thirdParty } from './lib/seed.mjs'
import { freePort, startApi, startClient, startHost } from './lib/servers.mjs'

let api
let elsewhere
let host
let app
let issuer

before(async () => {
  const port = await freePort()
  issuer = `http://localhost:${port}`
  // All of them before the issuer, on purpose.
  api = await startApi({ port: await freePort(), issuer })
  elsewhere = await startApi({ port: await freePort(), issuer, audience: 'https://elsewhere.example' })
  app = await startClient({ port: await freePort(), issuer, api: `${api.base}/api/me` })
  const early = await call('/api/me', await tokenOfNobody())
  assert.equal(early.status, 503, 'while its issuer is down it says so')
  host = await startHost({ port, seed: { users: [alice], clients: [...Object.values(clients), thirdParty(app.home)] } })
})
after(async () => {
  await app?.stop({ secrets })
  await host?.stop({ secrets })
  await elsewhere?.stop()
  await api?.stop()
})

const call = (path, token, { base } = api) =>
  fetch(new URL(path, base), { headers: token ? { authorization: `Bearer ${token}` } : {} })

/** Everything an access token has, signed by nobody the issuer knows. */
async function tokenOfNobody() {
  const now = Math.floor(Date.now() / 1000)
  const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const claims = { iss: issuer, aud: issuer, sub: 's', client_id: 'c', jti: 'j', scope: 'openid profile', iat: now, exp: now + 300 }
  const input = `${part({ typ: 'at+jwt', alg: 'ES256', kid: 'unknown' })}.${part(claims)}`
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, Buffer.from(input))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}

async function signIn(scope) {
  const { client_id, client_secret } = clients.basic
  const config = await client.discovery(new URL(issuer), client_id, {}, client.ClientSecretBasic(client_secret), {
    execute: [client.allowInsecureRequests],
  })
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  const { left, html } = await new Person(issuer, alice).authorize(url)
  assert.ok(left, html)
  return { config, tokens: await client.authorizationCodeGrant(config, left, { pkceCodeVerifier, idTokenExpected: true }) }
}

test('a token of the issuer is accepted as soon as the issuer is up', async () => {
  const { tokens } = await signIn('openid profile')
  const { sub } = tokens.claims()
  // An issuer that did not answer is asked again after five seconds.
  const deadline = Date.now() + 8_000
  let me
  do {
    me = await call('/api/me', tokens.access_token)
    if (me.status === 503) await new Promise((wake) => setTimeout(wake, 100))
  } while (me.status === 503 && Date.now() < deadline)
  assert.equal(me.status, 200)
  const body = await me.json()
  assert.equal(body.sub, sub)
  assert.equal(body.client_id, clients.basic.client_id)
  const proof = await (await call('/api/sign-in', tokens.access_token)).json()
  assert.equal(proof.issuer, issuer)
  assert.deepEqual(proof.amr, ['pwd'])
})

test('no token, one for another audience, of nobody, of the wrong kind, without the scope: refused', async () => {
  const { tokens, config } = await signIn('openid')
  const refused = async (answer, status, challenge) => {
    assert.equal(answer.status, status)
    assert.match(answer.headers.get('www-authenticate'), challenge)
  }
  const bare = await call('/api/me')
  await refused(bare, 401, /^Bearer/)
  assert.doesNotMatch(bare.headers.get('www-authenticate'), /error=/)
  await refused(await call('/api/me', await tokenOfNobody()), 401, /error="invalid_token"/)
  await refused(await call('/api/me', tokens.id_token), 401, /error="invalid_token"/)
  await refused(await call('/api/me', tokens.access_token), 403, /error="insufficient_scope".*scope="profile"/)
  assert.equal((await call('/api/sign-in', tokens.access_token)).status, 200)
  // The very same token, at an API that it is not for.
  await refused(await call('/api/sign-in', tokens.access_token, elsewhere), 401, /error="invalid_token"/)
  const machine = await client.clientCredentialsGrant(config)
  await refused(await call('/api/sign-in', machine.access_token), 403, /error="insufficient_scope".*scope="openid"/)
})

test('it says in words what it is', async () => {
  const page = await (await fetch(api.base)).text()
  assert.ok(page.includes(issuer))
  assert.match(page, /access tokens/)
})

test('the third-party app calls it, in a real browser', async () => {
  const browser = await launch()
  try {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      await page.goto(app.home)
      await page.locator('#sign-in').click()
      await page.locator('#email').fill(alice.email)
      await page.locator('#password').fill(alice.password)
      await page.locator('#submit').click()
      await page.locator('#allow').click()
      await page.locator('#call-api').click()
      const [status, body] = (await page.locator('#api').innerText()).split('\n')
      assert.equal(status, '200 OK')
      assert.equal(JSON.parse(body).client_id, 'third-party-demo')
    })
  } finally {
    await browser.close()
  }
})
