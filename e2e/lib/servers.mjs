// Starts the examples as a person would: a binary, a few variables, an empty folder.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const START_LIMIT = 60_000
const STOP_LIMIT = 15_000

export const freePort = () =>
  new Promise((done, failed) => {
    const server = createServer()
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })

let people = 0
/** The header by which the host knows another address: one of 198.18.0.0/15, which is kept for tests (RFC 2544). */
export const nextAddress = () => {
  people += 1
  return { 'x-forwarded-for': `198.18.${people >> 8}.${people & 255}` }
}

export const emptyFolder = () => mkdtemp(join(tmpdir(), 'auth-e2e-'))

/** The hosts with both halves: what is true of one is true of all. `HOST_EXAMPLES` names some. */
export const hosts = process.env.HOST_EXAMPLES?.split(',') ?? ['axum', 'actix', 'poem']

/** The program of an example, by the name of its folder. */
export const binary = (example) =>
  process.env[`EXAMPLE_${example.toUpperCase().replaceAll('-', '_')}_BIN`] ??
  join(process.env.EXAMPLES_FOLDER ?? join(root, 'target/debug'), `example-${example}`)

/**
 * An example host in an empty folder, or in the one given, which is then kept. `seed` is the content of its SEED
 * file; without one it starts as it does for a newcomer.
 */
export async function startHost({ example = 'axum', port, seed, folder, env = {} }) {
  const keep = folder !== undefined
  folder ??= await emptyFolder()
  const file = join(folder, 'seed.json')
  if (seed) await writeFile(file, JSON.stringify(seed))
  const base = `http://localhost:${port}`
  const server = await start(example, { folder, keep }, base, {
    PORT: String(port),
    ...(seed && { SEED: file }),
    // Each person of a test comes from an address of their own (`nextAddress`), as through a proxy: sign-ins are
    // throttled by address, and the tests have many.
    TRUSTED_PROXIES: '127.0.0.0/8,::1/128',
    ...env,
  })
  return { ...server, issuer: base }
}

/** The third-party app; `api` is what it calls, if not the issuer's own. */
export async function startClient({ port, issuer, api }) {
  const base = `http://localhost:${port}`
  const env = { PORT: String(port), ISSUER: issuer, ...(api && { API_URL: api }) }
  const server = await start('third-party-client', { folder: await emptyFolder() }, base, env)
  return { ...server, home: `${base}/` }
}

/** The resource server, for tokens of an issuer for an audience. */
export async function startApi({ port, issuer, audience }) {
  const base = `http://localhost:${port}`
  const env = { PORT: String(port), ISSUER: issuer, ...(audience && { AUDIENCE: audience }) }
  const server = await start('resource-server', { folder: await emptyFolder() }, base, env)
  return { ...server, base }
}

/** Gives an example a command, and what it answers; it keeps nothing. */
export async function command(example, words, env) {
  const { PATH, HOME } = process.env
  const folder = await emptyFolder()
  try {
    const options = { cwd: folder, env: { PATH, HOME, DATABASE_URL: 'memory:', ...env }, timeout: START_LIMIT }
    const { stdout } = await promisify(execFile)(binary(example), words, options)
    return stdout
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function start(example, { folder, keep = false }, base, env) {
  const name = `example-${example}`
  const program = binary(example)
  const { PATH, HOME } = process.env
  const child = spawn(program, { cwd: folder, env: { PATH, HOME, HOST: '127.0.0.1', ...env } })
  let log = ''
  let spawnError
  const collect = (chunk) => (log += chunk)
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  child.on('error', (error) => (spawnError = error))
  const ended = new Promise((done) => child.on('close', (code, signal) => done({ code, signal })))
  // Nothing outlives the test, however it ends.
  const reap = () => child.kill('SIGKILL')
  process.once('exit', reap)

  const deadline = Date.now() + START_LIMIT
  for (;;) {
    if (spawnError) throw new Error(`${program} cannot be started (is it built?): ${spawnError.message}`)
    if (child.exitCode !== null) throw new Error(`${name} ended at once:\n${log}`)
    if (Date.now() > deadline) throw new Error(`${name} was not ready in time:\n${log}`)
    try {
      const answer = await fetch(`${base}/healthz`, { signal: AbortSignal.timeout(2000) })
      if (answer.ok) break
    } catch {}
    await new Promise((wake) => setTimeout(wake, 100))
  }

  /** Asks it to stop, as a service manager would; it must do so cleanly, and have nothing to hide in its log. */
  async function stop({ secrets = [] } = {}) {
    child.kill('SIGTERM')
    const timer = setTimeout(reap, STOP_LIMIT)
    const end = await ended
    clearTimeout(timer)
    process.removeListener('exit', reap)
    if (!keep) await rm(folder, { recursive: true, force: true })
    assert.deepEqual(end, { code: 0, signal: null }, `${name} did not stop cleanly on SIGTERM:\n${log}`)
    assert.doesNotMatch(log, /panicked/, `${name} panicked:\n${log}`)
    for (const secret of secrets) {
      assert.ok(!log.includes(secret), `the log of ${name} has a secret or an address (${secret}):\n${log}`)
    }
  }
  return { stop, log: () => log }
}
