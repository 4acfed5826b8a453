// Hosted sign-in against WorkOS's own emulator: users, organizations, tokens and webhooks that nobody here wrote.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { createEmulator } from 'workos/emulate'

import { Person } from './lib/person.mjs'
import { alice, secrets } from './lib/seed.mjs'
import { freePort, startHost } from './lib/servers.mjs'

const grace = { email: 'grace@example.test', first_name: 'Grace', last_name: 'Hopper', email_verified: true }
const apiKey = 'sk_test_default'
const webhookSecret = 'a secret of the webhook endpoint'

let emulator
let workos
let host

/** The emulator's API, as WorkOS's. */
async function api(path, { method = 'GET', body } = {}) {
  const answer = await fetch(`${workos}${path}`, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
  return answer.json()
}

before(async () => {
  const port = await freePort()
  emulator = await createEmulator({
    port: await freePort(),
    seed: { apiKeys: { [apiKey]: { environment: 'test' } }, users: [grace] },
  })
  workos = emulator.url
  host = await startHost({
    example: 'login-only',
    port,
    seed: { users: [alice] },
    env: {
      WORKOS_API_URL: workos,
      WORKOS_CLIENT_ID: 'client_emulated',
      WORKOS_API_KEY: apiKey,
      WORKOS_WEBHOOK_SECRET: webhookSecret,
    },
  })
  const endpoint = { endpoint_url: `${host.issuer}/auth/hosted/webhook`, secret: webhookSecret, events: [] }
  await api('/webhook_endpoints', { method: 'POST', body: endpoint })
})
after(async () => {
  await host?.stop({ secrets: [...secrets, apiKey, webhookSecret] })
  await emulator?.close()
})

/** To AuthKit and back, as a browser goes; the emulator asks nothing. */
async function signIn(person, path = '/auth/login/with/workos') {
  const { left: authkit } = await person.visit(path)
  assert.equal(authkit.origin, workos)
  assert.equal(authkit.searchParams.get('code_challenge_method'), 'S256')
  const back = await fetch(authkit, { redirect: 'manual' })
  const callback = new URL(back.headers.get('location'))
  assert.equal(callback.origin + callback.pathname, `${host.issuer}/auth/callback/workos`)
  return { callback, answer: await person.request(callback.pathname + callback.search) }
}

const me = async (person) => (await person.request('/api/me')).status

test('somebody new signs in there and has an account here', async () => {
  const person = new Person(host.issuer)
  const login = await person.visit('/auth/login')
  assert.match(login.html, /\/auth\/login\/with\/workos/)
  const { callback, answer } = await signIn(person, '/auth/login/with/workos?return_to=/dashboard')
  assert.equal(answer.status, 303)
  assert.equal(new URL(answer.headers.location, host.issuer).pathname, '/dashboard')
  assert.equal(await me(person), 200)
  // Neither this browser nor another one gets anything for the same answer again.
  assert.equal((await person.request(callback.pathname + callback.search)).status, 400)
  const stranger = new Person(host.issuer)
  assert.equal((await stranger.request(callback.pathname + callback.search)).status, 400)
  assert.equal(await me(stranger), 401)
})

test('an organization is switched to by a form', async () => {
  const organization = await api('/organizations', { method: 'POST', body: { name: 'Engines' } })
  const { data } = await api('/user_management/users')
  const user = data.find((found) => found.email === grace.email)
  const body = { organization_id: organization.id, user_id: user.id }
  await api('/user_management/organization_memberships', { method: 'POST', body })
  const person = new Person(host.issuer)
  await signIn(person)
  const asks = await person.visit(`/auth/hosted/refresh?organization_id=${organization.id}&return_to=/dashboard`)
  const there = await person.submit(asks, 'submit')
  assert.equal(there.url.pathname, '/dashboard')
  assert.equal(await me(person), 200)
})

test('signing out ends the session there too', async () => {
  const person = new Person(host.issuer)
  await signIn(person)
  const page = await person.visit('/auth/logout')
  const { left: there } = await person.submit(page, 'submit')
  assert.equal(there.origin + there.pathname, `${workos}/user_management/sessions/logout`)
  const back = await fetch(there, { redirect: 'manual' })
  assert.equal(back.headers.get('location'), `${host.issuer}/auth/signed-out`)
  assert.equal(await me(person), 401)
})

test('a user deleted there is signed out here, as the webhook says', async () => {
  const person = new Person(host.issuer)
  await signIn(person)
  assert.equal(await me(person), 200)
  const { data } = await api('/user_management/users')
  const user = data.find((found) => found.email === grace.email)
  await fetch(`${workos}/user_management/users/${user.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${apiKey}` },
  })
  let status
  for (let tries = 0; tries < 50 && status !== 401; tries += 1) {
    status = await me(person)
    await new Promise((done) => setTimeout(done, 100))
  }
  assert.equal(status, 401)
})
