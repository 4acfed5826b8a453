// The host with login alone: people sign in, and nothing of a provider is there.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { Mailbox } from './lib/mails.mjs'
import { Person, hasId } from './lib/person.mjs'
import { alice, secrets } from './lib/seed.mjs'
import { freePort, startHost } from './lib/servers.mjs'

let host

before(async () => {
  host = await startHost({ example: 'login-only', port: await freePort(), seed: { users: [alice] } })
})
after(() => host?.stop({ secrets }))

test('register, sign in on the way to a page, and out again', async () => {
  const person = new Person(host.issuer)
  const register = await person.visit('/auth/register')
  const carol = { email: 'carol@example.test', password: 'nobody guesses this phrase of mine' }
  const confirm = await person.submit(register, 'submit', carol)
  assert.equal(confirm.url.pathname, '/auth/confirm')
  const { code } = await new Mailbox(host.issuer, carol.email).next('confirmation')
  const login = await person.submit(confirm, 'submit', { code })
  assert.equal(login.url.pathname, '/auth/login')
  const guarded = await person.visit('/dashboard?tab=2')
  assert.equal(guarded.url.pathname, '/auth/login')
  const dashboard = await person.submit(guarded, 'submit', carol)
  assert.equal(dashboard.url.pathname + dashboard.url.search, '/dashboard?tab=2')
  const out = await person.submit(await person.visit('/auth/logout'), 'submit')
  assert.ok(!out.left)
  assert.match((await person.visit('/')).html, /Nobody is signed in/)
})

test('its API knows people by their session', async () => {
  const person = new Person(host.issuer)
  assert.equal((await person.request('/api/me')).status, 401)
  const page = await person.visit('/auth/login')
  await person.submit(page, 'submit', alice)
  const answer = await person.request('/api/me')
  assert.equal(answer.status, 200)
  assert.equal(JSON.parse(answer.html).name, alice.name)
})

test('nothing of a provider is there', async () => {
  const person = new Person(host.issuer)
  for (const path of ['/.well-known/openid-configuration', '/oauth/authorize', '/oauth/token', '/oauth/jwks', '/oauth/grants']) {
    assert.equal((await person.request(path)).status, 404, path)
  }
  await person.submit(await person.visit('/auth/login'), 'submit', alice)
  const account = await person.visit('/auth/account')
  assert.ok(hasId(account.html, 'logout'))
  assert.doesNotMatch(account.html, /\/oauth\//)
})
