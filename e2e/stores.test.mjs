// Two nodes over one database, behind a proxy that sends every request to the other one: what a client and a person
// see must be what a single node shows. The servers are named in the environment (scripts/with-servers).
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer, request } from 'node:http'
import { test } from 'node:test'

import * as client from 'openid-client'

import { Person } from './lib/person.mjs'
import { alice, callback, clients, secrets, signedOut } from './lib/seed.mjs'
import { binary, emptyFolder, freePort, startHost } from './lib/servers.mjs'

const { TEST_POSTGRES_URL, TEST_MYSQL_URL, TEST_REDIS_URL, TEST_REDIS_CLUSTER_URLS } = process.env
const hosts = TEST_REDIS_CLUSTER_URLS?.split(',').map((url) => new URL(url).host)
const clusterUrl = hosts && `redis+cluster://${hosts.join(',')}`

/** Sends each request to the next of the ports in turn. */
async function roundRobin(port, ports) {
  const served = ports.map(() => 0)
  let turn = 0
  const server = createServer((incoming, answer) => {
    const at = turn++ % ports.length
    served[at]++
    const { method, url, headers } = incoming
    const onward = request({ host: '127.0.0.1', port: ports[at], method, path: url, headers }, (from) => {
      answer.writeHead(from.statusCode, from.rawHeaders)
      from.pipe(answer)
    })
    onward.on('error', (error) => answer.destroy(error))
    incoming.pipe(onward)
  })
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready))
  return { served, stop: () => new Promise((done) => (server.closeAllConnections(), server.close(done))) }
}

async function cluster(env) {
  const port = await freePort()
  const base = `http://localhost:${port}`
  const seed = { users: [alice], clients: [clients.basic] }
  const shared = { BASE_URL: base, CLUSTERED: 'true', AUTH_SECRET: 'shared by the nodes of this test and by no other', ...env }
  const ports = [await freePort(), await freePort()]
  // Both migrate and seed at once, as nodes of one deployment do.
  const nodes = await Promise.all(ports.map((port) => startHost({ port, seed, env: shared })))
  const proxy = await roundRobin(port, ports)
  const stop = async () => {
    await proxy.stop()
    for (const node of nodes) await node.stop({ secrets })
  }
  return { base, proxy, stop }
}

for (const [name, env] of [
  ['PostgreSQL', { DATABASE_URL: TEST_POSTGRES_URL }],
  ['MariaDB', { DATABASE_URL: TEST_MYSQL_URL }],
  ['PostgreSQL and Redis', { DATABASE_URL: TEST_POSTGRES_URL, REDIS_URL: TEST_REDIS_URL }],
  ['MariaDB and a Redis Cluster', { DATABASE_URL: TEST_MYSQL_URL, REDIS_URL: clusterUrl }],
]) {
  test(`two nodes over ${name} are as one`, async () => {
    for (const [variable, url] of Object.entries(env)) {
      assert.ok(url, `no server for ${variable}: run this through scripts/with-servers`)
    }
    const { base, proxy, stop } = await cluster(env)
    const { client_id, client_secret } = clients.basic
    const config = await client.discovery(new URL(base), client_id, {}, client.ClientSecretBasic(client_secret), {
      execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
    })
    // Forms drawn by one node and posted to the other, codes made by one and redeemed at the other: five times, so that
    // each step meets each node.
    for (let round = 0; round < 5; round++) {
      const person = new Person(base, alice)
      const pkceCodeVerifier = client.randomPKCECodeVerifier()
      const expectedState = client.randomState()
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: callback,
        scope: 'openid profile offline_access',
        code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
        state: expectedState,
      })
      const { left, html } = await person.authorize(url)
      assert.ok(left, `the browser was not sent back to the client:\n${html}`)
      const checks = { pkceCodeVerifier, expectedState, idTokenExpected: true }
      let tokens = await client.authorizationCodeGrant(config, left, checks)
      const { sub } = tokens.claims()
      for (let time = 0; time < 3; time++) {
        assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).name, alice.name)
        assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, true)
        tokens = await client.refreshTokenGrant(config, tokens.refresh_token)
      }
      // The code was spent on one node; the other knows.
      await assert.rejects(client.authorizationCodeGrant(config, left, checks), { error: 'invalid_grant' })

      // Signed out through one, gone on both.
      const end = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: signedOut })
      await person.visit(end)
      const silent = await person.visit(new URL(`${url}&prompt=none`))
      assert.equal(silent.left?.searchParams.get('error'), 'login_required', String(silent.left))
    }
    assert.ok(proxy.served.every((requests) => requests > 20), String(proxy.served))
    await stop()
  })
}

const startFails = async (env) => {
  const cwd = await emptyFolder()
  const { PATH, HOME } = process.env
  return new Promise((done) => {
    execFile(binary('axum'), { cwd, env: { PATH, HOME, PORT: '0', ...env }, timeout: 30_000 }, (error, stdout, stderr) =>
      done({ code: error?.code, stderr }),
    )
  })
}

test('a cluster refuses to start on what one node alone sees', async () => {
  const shared = { CLUSTERED: 'true', AUTH_SECRET: 'x'.repeat(32) }
  for (const [env, words] of [
    [{ ...shared, DATABASE_URL: 'sqlite://app.db' }, /clustered.*SQLite/],
    [{ ...shared, DATABASE_URL: 'memory:' }, /clustered.*memory/],
    [{ ...shared, DATABASE_URL: 'sqlite://app.db', REDIS_URL: TEST_REDIS_URL }, /clustered.*SQLite/],
    [{ CLUSTERED: 'true', DATABASE_URL: TEST_POSTGRES_URL }, /AUTH_SECRET/],
    [{ CLUSTERED: 'perhaps' }, /CLUSTERED/],
  ]) {
    const { code, stderr } = await startFails(env)
    assert.equal(code, 1, stderr)
    assert.match(stderr, words)
    assert.doesNotMatch(stderr, /panicked/)
  }
})
