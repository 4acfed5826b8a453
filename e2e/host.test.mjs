// Each host as an operator meets it: first start, restart, no disk, a wrong setting, the end.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:net'
import { describe, test } from 'node:test'

import * as client from 'openid-client'

import { Person, hasId } from './lib/person.mjs'
import { alice, callback, clients, secrets } from './lib/seed.mjs'
import { binary, emptyFolder, freePort, hosts, startApi, startHost } from './lib/servers.mjs'

const discover = (issuer, { client_id, client_secret }) =>
  client.discovery(new URL(issuer), client_id, {}, client.ClientSecretBasic(client_secret), {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  })

for (const example of hosts) describe(`example-${example}`, () => {
  test('a first start needs nothing: a data folder, a secret only its owner reads, the demo client', async () => {
    const folder = await emptyFolder()
    const host = await startHost({ example, port: await freePort(), folder })
    assert.match(host.log(), /Listening on http:\/\/127\.0\.0\.1:\d+/)
    assert.match(host.log(), /WARN.*AUTH_SECRET/)
    assert.equal((await stat(join(folder, 'data'))).mode & 0o077, 0)
    assert.equal((await stat(join(folder, 'data/secret'))).mode & 0o777, 0o600)

    const page = await new Person(host.issuer).visit('/auth/register')
    assert.ok(hasId(page.html, 'email'))

    // The third-party example's defaults are known: its secret is right, only the code is not.
    const answer = await fetch(`${host.issuer}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('third-party-demo:third-party-demo-secret-not-for-production')}` },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: 'none',
        redirect_uri: 'http://localhost:4000/callback',
        code_verifier: client.randomPKCECodeVerifier(),
      }),
    })
    assert.equal((await answer.json()).error, 'invalid_grant')
    await host.stop()
    await rm(folder, { recursive: true })
  })

  for (const { name, env } of [
    { name: 'on its own data folder', env: {} },
    { name: 'on a named database and secret', env: { DATABASE_URL: 'sqlite://own.db?mode=rwc', AUTH_SECRET: 'x'.repeat(48) } },
  ]) {
    test(`a restart ${name} keeps accounts, sessions, keys, tokens and consent`, async () => {
      const folder = await emptyFolder()
      const port = await freePort()
      const seed = { users: [alice], clients: [clients.basic] }
      const parameters = { redirect_uri: callback, scope: 'openid offline_access', code_challenge_method: 'S256' }
      let host = await startHost({ example, port, seed, folder, env })
      const before = await discover(host.issuer, clients.basic)
      const person = new Person(host.issuer, alice)
      const pkceCodeVerifier = client.randomPKCECodeVerifier()
      const code_challenge = await client.calculatePKCECodeChallenge(pkceCodeVerifier)
      const url = client.buildAuthorizationUrl(before, { ...parameters, code_challenge })
      const { left } = await person.authorize(url)
      const tokens = await client.authorizationCodeGrant(before, left, { pkceCodeVerifier, idTokenExpected: true })
      const keys = await (await fetch(before.serverMetadata().jwks_uri)).json()
      await host.stop({ secrets })

      host = await startHost({ example, port, seed, folder, env })
      const after = await discover(host.issuer, clients.basic)
      assert.deepEqual(await (await fetch(after.serverMetadata().jwks_uri)).json(), keys)
      assert.equal((await client.tokenIntrospection(after, tokens.access_token)).active, true)
      const renewed = await client.refreshTokenGrant(after, tokens.refresh_token)
      assert.equal(renewed.claims().sub, tokens.claims().sub)
      const silent = client.buildAuthorizationUrl(after, { ...parameters, code_challenge, prompt: 'none' })
      const again = await person.visit(silent)
      assert.ok(again.left?.searchParams.get('code'), String(again.left))
      await host.stop({ secrets })
      await rm(folder, { recursive: true })
    })
  }

  test('without a disk', async () => {
    const folder = await emptyFolder()
    const host = await startHost({ example, port: await freePort(), folder, env: { DATABASE_URL: 'memory:' } })
    await discover(host.issuer, clients.basic)
    await host.stop()
    await assert.rejects(stat(join(folder, 'data')), { code: 'ENOENT' }, 'nothing was written')
    await rm(folder, { recursive: true })
  })

  test('a setting that cannot work is named, and nothing starts', async () => {
    const folder = await emptyFolder()
    for (const [name, value] of [
      ['PORT', 'eighty'],
      ['BASE_URL', 'not a url'],
      ['BASE_URL', 'http://example.com'],
      ['AUTH_SECRET', 'short'],
      ['TRUSTED_PROXIES', 'everyone'],
      ['SEED', '/no/such/file.json'],
      ['DATABASE_URL', 'oracle://somewhere'],
      ['BREACHED_FILTER', '/no/such/filter'],
      ['SMTP_URL', 'smtp://mail.example.com:25?tls=none'],
      ['OIDC_CLIENT_SECRET', 'a secret of nobody'],
      ['GITHUB_CLIENT_ID', 'half of what is needed'],
    ]) {
      const port = String(await freePort())
      const env = { PATH: process.env.PATH, PORT: port, DATABASE_URL: 'memory:', [name]: value }
      const end = await new Promise((done) => {
        execFile(binary(example), { cwd: folder, env, timeout: 20_000 }, (error, stdout, stderr) => {
          done({ code: error?.code, killed: error?.killed, text: stdout + stderr })
        })
      })
      assert.ok(end.code > 0 && !end.killed, `${name}=${value} was taken: ${JSON.stringify(end)}`)
      assert.ok(end.text.includes(name) || /base.?url|secret|trusted.?prox|database/i.test(end.text), end.text)
      assert.doesNotMatch(end.text, /panicked/)
    }
    await rm(folder, { recursive: true })
  })
})

/** A connection on which this much of a request was sent, and what came back by its end. */
async function slowConnection(port, request) {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk))
  socket.on('error', () => {})
  const closed = new Promise((done) => socket.on('close', () => done(answer)))
  await new Promise((ready) => socket.write(request, ready))
  return { finish: (rest) => socket.write(rest), closed }
}

async function refusesConnections(port) {
  for (let look = 0; look < 500; look++) {
    const refused = await new Promise((done) => {
      const socket = connect(port, '127.0.0.1', () => (socket.destroy(), done(false)))
      socket.on('error', () => done(true))
    })
    if (refused) return true
    await new Promise((wake) => setTimeout(wake, 10))
  }
  return false
}

const starting = {
  ...Object.fromEntries([...hosts, 'login-only', 'provider-only'].map((example) => [example, (port) => startHost({ example, port })])),
  'resource-server': (port) => startApi({ port, issuer: 'http://localhost:1' }),
}

test('SIGTERM: a request under way is answered, a slow one is cut, and all is over within ten seconds', async () => {
  // All at once: each takes its whole patience.
  await Promise.all(
    Object.entries(starting).map(async ([example, startIt]) => {
      const port = await freePort()
      const server = await startIt(port)
      const path = { 'provider-only': '/sign-in', 'resource-server': '/healthz' }[example] ?? '/auth/login'
      const method = example === 'resource-server' ? 'GET' : 'POST'
      const head = `${method} ${path} HTTP/1.1\r\nhost: localhost:${port}\r\nconnection: close\r\n`
      const form = 'content-type: application/x-www-form-urlencoded\r\ncontent-length: 20\r\n'
      const slow = await slowConnection(port, `${head}${form}\r\nemail=`)
      const under = await slowConnection(port, `${head}${form}\r\nemail=`)
      // Both are known to the server: it answers what came after them.
      assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { connection: 'close' } })).status, 200)
      const asked = Date.now()
      const stopped = server.stop()
      assert.ok(await refusesConnections(port), `example-${example} takes connections while it stops`)
      under.finish('a&password=bbb')
      assert.match(await under.closed, /^HTTP\/1\.1 [1-4]\d\d /, `example-${example} left a request unanswered`)
      await stopped
      const seconds = (Date.now() - asked) / 1000
      assert.ok(seconds < 10, `example-${example} took ${seconds} s to stop`)
      await slow.closed
    }),
  )
})
