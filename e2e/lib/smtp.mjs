// A real mail server (aiosmtpd), the one that the Rust tests use, and what it took.
import { execFileSync, spawn } from 'node:child_process'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { emptyFolder, freePort } from './servers.mjs'

const program = resolve(dirname(fileURLToPath(import.meta.url)), '../../test-servers/src/smtp_server.py')

/** A Python that has aiosmtpd: the system's, or the first of `PATH`. */
function python() {
  for (const name of ['/usr/bin/python3', 'python3']) {
    try {
      execFileSync(name, ['-I', '-c', 'import aiosmtpd'], { stdio: 'ignore' })
      return name
    } catch {}
  }
  throw new Error('no Python has aiosmtpd: install the package python3-aiosmtpd')
}

export async function startMailServer() {
  const folder = await emptyFolder()
  const port = await freePort()
  await writeFile(join(folder, 'access'), 'tls=none\nuser=\npassword=\n')
  const child = spawn(python(), ['-I', program, folder, String(port)])
  let said = ''
  const reap = () => child.kill('SIGKILL')
  process.once('exit', reap)
  await new Promise((ready, failed) => {
    child.stderr.on('data', (chunk) => (said += chunk))
    child.stdout.on('data', (chunk) => String(chunk).includes('ready to take mail') && ready())
    child.once('error', failed)
    child.once('exit', () => failed(new Error(`the mail server ended:\n${said}`)))
  })

  /** The mails to an address that it took, once there are so many. */
  async function taken(address, many) {
    const deadline = Date.now() + 20_000
    for (;;) {
      const names = (await readdir(folder)).filter((name) => name.startsWith('mail-')).sort()
      const mails = await Promise.all(names.map((name) => readMail(join(folder, name))))
      const own = mails.filter((mail) => mail.to.includes(address))
      if (own.length >= many) return own
      if (Date.now() > deadline) throw new Error(`${own.length} of ${many} mails came`)
      await new Promise((wake) => setTimeout(wake, 100))
    }
  }

  async function stop() {
    process.removeListener('exit', reap)
    child.removeAllListeners('exit')
    const ended = new Promise((done) => child.once('exit', done))
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  return { url: `smtp://127.0.0.1:${port}?tls=none`, taken, stop }
}

async function readMail(folder) {
  const text = (name) => readFile(join(folder, name), 'utf8')
  const headers = (await text('headers')).split('\n').map((line) => line.split(': '))
  return {
    from: await text('from'),
    to: (await text('to')).split('\n'),
    headers: Object.fromEntries(headers.map(([name, ...value]) => [name.toLowerCase(), value.join(': ')])),
    defects: await text('defects'),
    text: await text('text'),
    html: await text('html'),
  }
}
