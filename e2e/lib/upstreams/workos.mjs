// A host at which people sign in through WorkOS's own emulator: users, organizations, tokens and webhooks that nobody
// here wrote. The emulator asks nothing: it signs in whom `login_hint` names, or the first user there is.
import assert from 'node:assert/strict'

import { createEmulator } from 'workos/emulate'

import { Person } from '../person.mjs'
import { freePort, startHost } from '../servers.mjs'

const apiKey = 'sk_test_default'
const webhookSecret = 'a secret of the webhook endpoint'
const clientId = 'client_emulated'

export const callback = '/auth/callback/workos'
export const begin = '/auth/login/with/workos'
export const refresh = '/auth/hosted/refresh'

/** Somebody the emulator knows. */
export const known = (first_name, more) => ({
  email: `${first_name.toLowerCase()}@people.example.test`,
  first_name,
  last_name: 'Example',
  email_verified: true,
  ...more,
})

/** The emulator's API, as WorkOS's. */
const apiOf = (base) => async (path, { method = 'GET', body } = {}) => {
  const answer = await fetch(`${base}${path}`, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
  return answer.status === 204 ? undefined : answer.json()
}

/** `people` are known there, by a key of the test; `users` are known at the host itself. */
export async function startHostedWorld(example, { people, users = [], env = {} }) {
  const emulator = await createEmulator({
    port: await freePort(),
    seed: { apiKeys: { [apiKey]: { environment: 'test' } }, users: Object.values(people) },
  })
  const workos = emulator.url
  const api = apiOf(workos)
  const { data } = await api('/user_management/users?limit=100')
  const idOf = (key) => data.find(({ email }) => email === people[key].email).id
  const organization = async (name) => (await api('/organizations', { method: 'POST', body: { name } })).id
  const join = (key, organization_id, role_slug) =>
    api('/user_management/organization_memberships', {
      method: 'POST',
      body: { organization_id, user_id: idOf(key), role_slug },
    })
  const staff = await organization('Staff')

  const variables = {
    WORKOS_API_URL: workos,
    WORKOS_CLIENT_ID: clientId,
    WORKOS_API_KEY: apiKey,
    WORKOS_WEBHOOK_SECRET: webhookSecret,
  }
  const hosts = []
  /** A host of its own, with more variables. */
  async function startHostWith(more = {}) {
    const port = await freePort()
    const host = await startHost({
      example,
      port,
      seed: { users },
      env: { ...variables, WORKOS_STAFF_ORGANIZATION: staff, ...more },
    })
    hosts.push(host)
    return host
  }
  const host = await startHostWith(env)
  const endpoint = { endpoint_url: `${host.issuer}/auth/hosted/webhook`, secret: webhookSecret, events: [] }
  await api('/webhook_endpoints', { method: 'POST', body: endpoint })

  let isDown = false
  /** From here on it does not answer. */
  async function down() {
    if (!isDown) await emulator.close()
    isDown = true
  }

  async function stop() {
    const personal = [...Object.values(people), ...users].flatMap(({ email, password }) => [email, password])
    const secrets = [...personal.filter(Boolean), apiKey, webhookSecret]
    for (const started of hosts) await started.stop({ secrets })
    await down()
  }
  return { people, host, workos, api, idOf, organization, join, staff, variables, webhookSecret, startHostWith, down, stop }
}

/** A person without a script who signs in there. */
export class HostedVisitor extends Person {
  constructor(world, host = world.host) {
    super(host.issuer)
    this.world = world
    this.host = host
  }

  /** Begins as one of the people there, and gives the address that leads away. */
  async leave(key, query = {}) {
    const { email } = this.world.people[key]
    const page = await this.visit(`${begin}?${new URLSearchParams({ login_hint: email, ...query })}`)
    assert.ok(page.left, `it leads nowhere: ${page.status}\n${page.html}`)
    assert.equal(page.left.origin, this.world.workos)
    return page.left
  }

  /** Does what AuthKit does: the path that leads back here. */
  async choose(away) {
    const answer = await fetch(away, { redirect: 'manual' })
    const back = new URL(answer.headers.get('location'))
    assert.equal(back.origin + back.pathname, `${this.host.issuer}${callback}`)
    return back.pathname + back.search
  }

  arrive(back) {
    return this.visit(back, { headers: { 'sec-fetch-site': 'cross-site' } })
  }

  /** The whole way. */
  async signIn(key, query) {
    return this.arrive(await this.choose(await this.leave(key, query)))
  }

  /** Acts for another organization from then on. */
  async switchTo(organization_id, return_to = '/dashboard') {
    const asks = await this.visit(`${refresh}?${new URLSearchParams({ organization_id, return_to })}`)
    return this.submit(asks, 'submit')
  }

  /** The account here as its page tells a program, or nothing for nobody. */
  async account() {
    const answer = await this.request('/auth/account', { headers: { accept: 'application/json' } })
    return answer.status === 200 ? JSON.parse(answer.html).context : undefined
  }

  /** What a page for members of an organization tells, or the status that refuses. */
  async team(path = '/team') {
    const answer = await this.request(path, { headers: { accept: 'application/json' } })
    return answer.status === 200 ? JSON.parse(answer.html) : answer.status
  }
}

/** Waits for what a webhook brings about. */
export async function comesTrue(what, isSo) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await isSo()) return
    await new Promise((wake) => setTimeout(wake, 100))
  }
  assert.fail(`it has not come true: ${what}`)
}
