// The host with the provider alone: its own accounts and its own form, other apps sign in through it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import * as client from 'openid-client'

import { launch, withProfile } from './lib/browser.mjs'
import { Person, formWith, hasId } from './lib/person.mjs'
import { alice, bob, callback, clients, secrets, signedOut, thirdParty } from './lib/seed.mjs'
import { binary, emptyFolder, freePort, startClient, startHost } from './lib/servers.mjs'

let folder
let host
let app

before(async () => {
  const [hostPort, appPort] = [await freePort(), await freePort()]
  folder = await emptyFolder()
  app = await startClient({ port: appPort, issuer: `http://localhost:${hostPort}` })
  const seed = { users: [alice, bob], clients: [...Object.values(clients), thirdParty(app.home)] }
  host = await startHost({ example: 'provider-only', port: hostPort, seed, folder })
})
after(async () => {
  await app?.stop({ secrets })
  await host?.stop({ secrets })
})

const discover = ({ client_id, client_secret } = clients.basic) =>
  client.discovery(new URL(host.issuer), client_id, {}, client.ClientSecretBasic(client_secret), {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  })

async function request(config, parameters = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid profile email offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    ...parameters,
  })
  return { url, checks: { pkceCodeVerifier, expectedState, idTokenExpected: true } }
}

async function signIn(config, parameters, person = new Person(host.issuer, alice)) {
  const { url, checks } = await request(config, parameters)
  const { left, html } = await person.authorize(url)
  assert.ok(left, `the browser was not sent back to the client:\n${html}`)
  return { person, tokens: await client.authorizationCodeGrant(config, left, checks) }
}

describe('a client and a scripted person', () => {
  test('code, claims, API, refresh, introspection, logout', async () => {
    const config = await discover()
    const { tokens, person } = await signIn(config)
    const { sub, auth_time, amr } = tokens.claims()
    assert.ok(Math.abs(Date.now() / 1000 - auth_time) < 60)
    assert.deepEqual(amr, ['pwd'])
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub)
    assert.equal(userinfo.email, alice.email)
    assert.equal(userinfo.name, alice.name)
    const api = await client.fetchProtectedResource(config, tokens.access_token, new URL('/api/me', host.issuer), 'GET')
    assert.equal((await api.json()).sub, sub)
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
    assert.equal(renewed.claims().sub, sub)
    assert.equal((await client.tokenIntrospection(config, renewed.access_token)).active, true)

    const out = client.buildEndSessionUrl(config, { id_token_hint: renewed.id_token, post_logout_redirect_uri: signedOut })
    let page = await person.visit(out)
    if (!page.left && hasId(page.html, 'logout')) page = await person.submit(page, 'logout')
    assert.equal(page.left?.href, signedOut, page.html)
    assert.match((await person.visit('/')).html, /Nobody is signed in/)
    const silent = await person.visit((await request(config, { prompt: 'none' })).url)
    assert.equal(silent.left?.searchParams.get('error'), 'login_required')
  })

  test('signing out at the host ends what was given for the session, and nothing else', async () => {
    const config = await discover()
    const person = new Person(host.issuer, alice)
    const short = (await signIn(config, { scope: 'openid' }, person)).tokens
    const offline = (await signIn(config, {}, person)).tokens
    const active = async ({ access_token }) => (await client.tokenIntrospection(config, access_token)).active
    assert.deepEqual([await active(short), await active(offline)], [true, true])
    await person.submit(await person.visit('/'), 'sign-out')
    assert.match((await person.visit('/')).html, /Nobody is signed in/)
    assert.deepEqual([await active(short), await active(offline)], [false, true])
    await client.refreshTokenGrant(config, offline.refresh_token)
  })

  test('prompt=login asks again, and tells when', async () => {
    const config = await discover()
    const person = new Person(host.issuer, alice)
    const first = (await signIn(config, {}, person)).tokens.claims()
    const { url, checks } = await request(config, { prompt: 'login', max_age: '0', login_hint: alice.email })
    const form = await person.visit(url)
    assert.equal(formWith(form.html, 'password').fields.email, alice.email)
    const { left } = await person.authorize(url)
    const again = (await client.authorizationCodeGrant(config, left, { ...checks, maxAge: 0 })).claims()
    assert.equal(again.sub, first.sub)
    assert.ok(again.auth_time >= first.auth_time)
  })

  test('who signs in as another ends the session that was there', async () => {
    const config = await discover()
    const person = new Person(host.issuer, alice)
    const hers = (await signIn(config, { scope: 'openid' }, person)).tokens
    Object.assign(person, { email: bob.email, password: bob.password })
    const his = (await signIn(config, { scope: 'openid', prompt: 'login' }, person)).tokens
    assert.notEqual(his.claims().sub, hers.claims().sub)
    assert.equal((await client.tokenIntrospection(config, hers.access_token)).active, false)
  })
})

describe('the form', () => {
  test('leads back to where it was needed, and never anywhere else', async () => {
    const person = new Person(host.issuer)
    const form = await person.visit('/dashboard?tab=2')
    assert.equal(form.url.pathname, '/sign-in')
    const dashboard = await person.submit(form, 'submit', alice)
    assert.equal(dashboard.url.href, `${host.issuer}/dashboard?tab=2`)
    for (const target of ['//evil.example', '/\\evil.example', 'https://evil.example/', '/\t/evil.example', 'javascript:alert(1)']) {
      const page = await person.visit(`/sign-in?return_to=${encodeURIComponent(target)}`)
      assert.equal(formWith(page.html, 'password').fields.return_to, undefined, target)
      // Nor where the hidden field was tampered with.
      const answer = await person.submit(page, 'submit', { ...alice, return_to: target })
      assert.ok(!answer.left, target)
      assert.equal(answer.url.href, `${host.issuer}/`, target)
    }
  })

  test('takes no password from another site, another browser or without its token', async () => {
    const person = new Person(host.issuer)
    const page = await person.visit('/sign-in')
    const { fields } = formWith(page.html, 'submit')
    const form = { ...fields, email: alice.email, password: alice.password }
    const post = (who, options) => who.request('/sign-in', { method: 'POST', form, ...options })
    const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
    for (const [why, answer] of [
      ['another site', await post(person, { headers: foreign })],
      ['another browser', await post(new Person(host.issuer))],
      ['no token', await post(person, { form: { email: alice.email, password: alice.password } })],
      ['no form', await post(person, { headers: { 'content-type': 'text/plain' } })],
    ]) {
      assert.ok(answer.status === 403 || answer.status === 415, `${why}: ${answer.status}`)
      assert.ok(!answer.headers['set-cookie']?.some((line) => line.startsWith('example_session=')), why)
    }
    assert.equal((await person.request('/sign-out', { method: 'POST', form: fields })).status, 403)
    assert.equal((await post(person)).status, 303)
  })

  test('a wrong password and an unknown address look the same; a guesser is locked out', async () => {
    const mallory = new Person(host.issuer)
    const page = await mallory.visit('/sign-in')
    const answers = []
    for (const email of [bob.email, 'nobody@example.test']) {
      answers.push(await mallory.submit(page, 'submit', { email, password: 'a guess that is long enough' }))
    }
    const [wrong, unknown] = answers.map(({ status, html }) => ({ status, html: html.replace(/value="[^"]*"/g, '') }))
    assert.equal(wrong.status, 401)
    assert.deepEqual(wrong, unknown)
    const guess = (who) => who.submit(page, 'submit', { email: 'dora@example.test', password: 'a guess that is long enough' })
    for (let time = 0; time < 5; time++) assert.equal((await guess(mallory)).status, 401)
    const locked = await guess(mallory)
    assert.equal(locked.status, 429)
    assert.ok(Number(locked.headers['retry-after']) > 0)
  })

  test('its pages are nobody else’s to keep, to frame or to guess from', async () => {
    const person = new Person(host.issuer)
    const { headers } = await person.request('/sign-in')
    assert.equal(headers['cache-control'], 'no-store')
    assert.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'.*form-action 'self'/)
    const answer = await person.request('/sign-in', {
      method: 'POST',
      form: { ...formWith((await person.visit('/sign-in')).html, 'submit').fields, ...alice },
    })
    const cookie = answer.headers['set-cookie'].find((line) => line.startsWith('example_session='))
    assert.match(cookie, /HttpOnly/)
    assert.match(cookie, /SameSite=Lax/)
    const secret = /=([\w-]{43});/.exec(cookie)[1]
    for (const file of ['accounts.db', 'accounts.db-wal']) {
      const bytes = await readFile(join(folder, 'data', file))
      for (const text of [secret, alice.password]) assert.ok(!bytes.includes(text), `${file} has a secret in clear`)
    }
  })
})

test('the third-party app, in a real browser', async () => {
  const browser = await launch()
  try {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      const fill = async () => {
        await page.locator('#email').fill(bob.email)
        await page.locator('#password').fill(bob.password)
        await page.locator('#submit').click()
      }
      await page.goto(app.home)
      await page.locator('#sign-in').click()
      await fill()
      await page.locator('#allow').click()
      await page.locator('#claims').waitFor()
      assert.equal(JSON.parse(await page.locator('#claims').innerText()).userinfo.name, bob.name)
      await page.locator('#call-api').click()
      assert.match(await page.locator('#api').innerText(), /^200 OK/)
      await page.locator('#refresh').click()
      await page.locator('#refreshes', { hasText: '1' }).waitFor()
      await page.locator('#sign-out').click()
      await page.locator('#sign-in').waitFor()
      await page.goto(host.issuer)
      assert.match(await page.locator('#who').innerText(), /Nobody/)
      // Consent is remembered: the form itself leads back to the app, which no policy may block.
      await page.goto(app.home)
      await page.locator('#sign-in').click()
      await fill()
      await page.locator('#claims').waitFor()
      assert.equal(page.url(), app.home)
      // And out again at the host itself.
      await page.goto(host.issuer)
      assert.match(await page.locator('#who').innerText(), /Bob <b>Example<\/b>/)
      await page.locator('#sign-out').click()
      await page.locator('#who', { hasText: 'Nobody' }).waitFor()
    })
  } finally {
    await browser.close()
  }
})

test('a restart keeps accounts and sessions; a changed seed password ends them', async () => {
  const own = await emptyFolder()
  const port = await freePort()
  const start = (user) => startHost({ example: 'provider-only', port, folder: own, seed: { users: [user] } })
  let host = await start(alice)
  const person = new Person(host.issuer)
  await person.submit(await person.visit('/sign-in'), 'submit', alice)
  await host.stop({ secrets })
  host = await start(alice)
  assert.match((await person.visit('/')).html, /Signed in as <strong>Alice Example/)
  await host.stop({ secrets })
  host = await start({ ...alice, password: 'another long enough pass phrase' })
  assert.match((await person.visit('/')).html, /Nobody is signed in/)
  await host.stop({ secrets })
})

test('a first start needs nothing: it makes an account and tells its password once', async () => {
  const own = await emptyFolder()
  const port = await freePort()
  const start = () => startHost({ example: 'provider-only', port, folder: own })
  let host = await start()
  const [, email, password] = /Sign in as (\S+) with the password (\S+)/.exec(host.log())
  const person = new Person(host.issuer)
  await person.submit(await person.visit('/sign-in'), 'submit', { email, password })
  assert.match((await person.visit('/')).html, /Signed in as <strong>Demo/)
  await host.stop()
  host = await start()
  assert.doesNotMatch(host.log(), /password/)
  await host.stop({ secrets: [email, password] })
})

test('a cluster refuses to start on accounts that one node alone sees', async () => {
  const env = { PATH: process.env.PATH, PORT: '0', DATABASE_URL: 'memory:', CLUSTERED: 'true', AUTH_SECRET: 'x'.repeat(32) }
  const { code, stderr } = await new Promise((done) => {
    execFile(binary('provider-only'), { env, timeout: 20_000 }, (error, _, stderr) => done({ code: error?.code, stderr }))
  })
  assert.equal(code, 1)
  assert.match(stderr, /CLUSTERED/)
})
