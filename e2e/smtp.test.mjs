// A host that sends its mails for good, by SMTP to a real server.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { read } from './lib/mails.mjs'
import { Person } from './lib/person.mjs'
import { freePort, startHost } from './lib/servers.mjs'
import { startMailServer } from './lib/smtp.mjs'

const carol = { email: 'carol@example.test', password: 'nobody guesses this phrase of mine' }
let mails
let host

before(async () => {
  mails = await startMailServer()
  const env = { SMTP_URL: mails.url, MAIL_FROM: 'Example <no-reply@app.example.test>' }
  host = await startHost({ example: 'login-only', port: await freePort(), env })
})
after(async () => {
  await host?.stop({ secrets: [carol.email, carol.password] })
  await mails?.stop()
})

test('the mail of a registration arrives, and its link works', async () => {
  const person = new Person(host.issuer)
  const asked = await person.submit(await person.visit('/auth/register'), 'submit', carol)
  assert.equal(asked.url.pathname, '/auth/confirm')
  const [mail] = await mails.taken(carol.email, 1)
  assert.equal(mail.from, 'no-reply@app.example.test')
  assert.equal(mail.headers.from, 'Example <no-reply@app.example.test>')
  assert.equal(mail.headers.subject, 'Confirm your e-mail address')
  assert.equal(mail.defects, '')
  const { link, code } = read(mail)
  assert.ok(link.startsWith(`${host.issuer}/auth/confirm?`), link)
  assert.match(code, /^\d{6}$/)
  assert.ok(mail.html.includes(code))

  const login = await person.submit(await person.visit(link), 'submit')
  assert.equal(login.url.pathname, '/auth/login')
  await person.submit(login, 'submit', carol)
  assert.match((await person.visit('/')).html, new RegExp(`Signed in as <strong>${carol.email}`))
})

test('nothing shows mails to whoever asks', async () => {
  const person = new Person(host.issuer)
  assert.equal((await person.request('/auth/dev/mail')).status, 404)
})
