// Authlib, the Python client, against the running example host. The steps are in authlib_client.py.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { alice, callback, clients, secrets } from './lib/seed.mjs'
import { freePort, startHost } from './lib/servers.mjs'

const here = dirname(fileURLToPath(import.meta.url))
let host

before(async () => {
  host = await startHost({ port: await freePort(), seed: { users: [alice], clients: Object.values(clients) } })
})
after(() => host?.stop({ secrets }))

for (const [method, { client_id, client_secret }] of [
  ['client_secret_post', clients.post],
  ['client_secret_basic', clients.firstParty],
]) {
  test(`${method}: code, PKCE, ID token, userinfo, refresh, introspection, revocation`, async () => {
    const python = join(here, '.venv/bin/python')
    const { stdout } = await promisify(execFile)(python, [join(here, 'authlib_client.py')], {
      timeout: 120_000,
      env: {
        PATH: process.env.PATH,
        ISSUER: host.issuer,
        CLIENT_ID: client_id,
        CLIENT_SECRET: client_secret,
        AUTH_METHOD: method,
        REDIRECT_URI: callback,
        EMAIL: alice.email,
        PASSWORD: alice.password,
      },
    }).catch((error) => {
      throw new Error(`${error.stdout}\n${error.stderr}`)
    })
    assert.match(stdout, /all holds/)
  })
}
